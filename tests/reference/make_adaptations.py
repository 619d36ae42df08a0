"""Makes adaptation_parameters.csv: how many parameters the libraries train for a task.

Needs torch and transformers with peft, or with adapters, which wants older transformers; no
network and no weights: the models are those of make_families.py, on torch's meta device. Run, in
an environment of each,

    python tests/reference/make_adaptations.py peft
    python tests/reference/make_adaptations.py adapters

Small models, one of each family, are told by their configuration instead of a preset.
The rows of the other library are kept. Heads are left out. Biases alone are what PEFT's
``bias: all`` trains beside LoRA. Residual adapters are the layers of srebuffi/residual_adapters
(models.py) at every convolution of 3 x 3 in the stages of transformers' ResNet; these come with
``peft``.
"""

from __future__ import annotations

import copy
import csv
import json
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FILE = FOLDER / "adaptation_parameters.csv"
Row = tuple[str, str, str]  # preset or configuration, adaptation of accelsim, parameters
_BERT = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
_BERT |= {"intermediate_size": 3072, "max_position_embeddings": 512}
_MORE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert-base": ("Bert", "ForSequenceClassification", _BERT),
    "albert-base": ("Albert", "ForSequenceClassification", {**_BERT, "embedding_size": 128}),
}
_QKVO = ["q_proj", "k_proj", "v_proj", "o_proj"]
# Preset, targets and what is saved as a whole.
LORA: list[tuple[str, int, Any, list[str]]] = [
    ("bert-base", 8, ["query", "value"], []),
    ("bert-base", 16, ["dense"], []),
    ("bert-base", 8, "all-linear", []),
    ("bert-base", 4, ["query", "key"], ["pooler", "embeddings.LayerNorm"]),
    ("albert-base", 8, ["query", "value"], []),
    ("albert-base", 8, ["ffn", "ffn_output"], []),
    ("albert-base", 8, "all-linear", []),
    ("roberta-base", 8, ["query", "value"], []),
    ("distilbert-base", 8, ["q_lin", "v_lin"], []),
    ("electra-small", 8, ["query", "value"], []),
    ("mobilebert", 8, ["query", "value"], []),
    ("vit-tiny", 8, ["q_proj", "v_proj"], []),
    ("deit-small", 8, ["fc1", "fc2"], []),
    ("gpt2", 8, ["c_attn"], []),
    ("gpt2", 8, ["c_attn", "c_proj", "c_fc"], []),
    ("gpt2-medium", 4, "all-linear", ["ln_f"]),
    ("smollm-135m", 16, _QKVO, []),
    ("qwen2.5-0.5b", 8, ["q_proj", "v_proj"], []),
    ("qwen2.5-0.5b", 8, "all-linear", []),
    ("tinyllama-1.1b", 64, ["gate_proj", "up_proj", "down_proj"], []),
    ("resnet-18", 4, ["layer.?.convolution"], []),
    ("resnet-50", 8, ["convolution"], []),
]
BIASES = ("bert-base", "albert-base", "roberta-base", "electra-small", "vit-tiny", "gpt2")
BIASES += ("qwen2.5-0.5b", "mobilebert", "resnet-18")
PREFIXES = ("bert-base", "albert-base", "roberta-base", "gpt2", "smollm-135m", "tinyllama-1.1b")
RESIDUAL = ("resnet-18", "resnet-34", "resnet-50")
# What the libraries' bottlenecks are called, and how norms are kept frozen with Houlsby's.
ADAPTERS = ("bert-base", "albert-base", "roberta-base", "distilbert-base", "electra-base")
ADAPTERS += ("vit-tiny", "gpt2", "tinyllama-1.1b")
_NORMS = {"gpt2": "ln_?"}


def build(preset: str) -> Any:
    """Return a model of transformers on the meta device."""
    import torch

    families = runpy.run_path(str(FOLDER / "make_families.py"))
    with torch.device("meta"):
        return families["build"](*{**families["MODELS"], **_MORE}[preset])


def _flow(**keys: Any) -> str:
    """Return an adaptation as a mapping in YAML."""
    lists = {k: f"[{', '.join(map(_quoted, v))}]" for k, v in keys.items() if isinstance(v, list)}
    texts = {**keys, **lists}
    return f"{{{', '.join(f'{key}: {text}' for key, text in texts.items())}}}"


def _quoted(pattern: str) -> str:
    return f"'{pattern}'" if set("?*[") & set(pattern) else pattern


def _trained(model: Any, among: Callable[[str], bool] = lambda name: True) -> int:
    return sum(p.numel() for n, p in model.named_parameters() if p.requires_grad and among(n))


def _not_head(name: str) -> bool:
    return not any(part in name for part in ("classifier", "lm_head", "pre_classifier"))


def peft_rows() -> Iterator[Row]:
    """Yield what PEFT trains, and residual adapters."""
    import torch
    from peft import LoraConfig, PrefixTuningConfig, get_peft_model

    for preset, rank, targets, saved in LORA:
        names = [each.replace("?", str(n)) for each in targets for n in range(3)]
        theirs = targets if isinstance(targets, str) else [*dict.fromkeys(names)]
        config = LoraConfig(r=rank, target_modules=theirs, modules_to_save=saved or None)
        model = get_peft_model(build(preset), config)
        ours = targets if isinstance(targets, list) else [targets]
        more = {"trainable": saved} if saved else {}
        keys = _flow(method="lora", rank=rank, targets=ours, **more)
        yield preset, keys, str(_trained(model, _not_head))
    for preset in BIASES:
        config = LoraConfig(r=1, target_modules=r".*\.0\..*(query|q_proj|c_attn|convolution)")
        config.bias = "all"
        model = get_peft_model(build(preset), config)
        count = _trained(model, lambda name: "lora" not in name and _not_head(name))
        yield preset, _flow(method="bitfit"), str(count)
    for preset in PREFIXES:
        task = "SEQ_CLS" if preset.endswith("bert-base") or "roberta" in preset else "CAUSAL_LM"
        config = PrefixTuningConfig(task_type=task, num_virtual_tokens=20)
        with torch.device("meta"):
            model = get_peft_model(build(preset), config)
        yield preset, _flow(method="prefix", length=20), str(_trained(model, _not_head))
    for preset in RESIDUAL:
        for form in ("series", "parallel"):
            yield preset, _flow(method="residual", form=form), str(residual(build(preset), form))
    yield from small_rows_of_peft()


def small_models() -> dict[str, tuple[str, Any]]:
    """Return small models of all families, each with its configuration as JSON."""
    families = runpy.run_path(str(FOLDER / "make_families.py"))
    encoder, decoder = families["SMALL"]["roberta"][2], families["SMALL"]["llama"][2]
    causal, padded = "ForCausalLM", {**decoder, "pad_token_id": 0}
    biased = {**decoder, "attention_bias": True, "mlp_bias": True}
    small = {
        **families["SMALL"],
        "bert": ("Bert", "ForSequenceClassification", encoder),
        "albert": ("Albert", "ForSequenceClassification", {**encoder, "embedding_size": 24}),
        "biased": ("Llama", causal, biased),
        "mistral": ("Mistral", causal, decoder),
        "phi3": ("Phi3", causal, padded),
        "gemma": ("Gemma", causal, {**padded, "head_dim": 8}),
    }
    found = {}
    for name, given in small.items():
        model = families["build"](*given)
        sizes = {"model_type": model.config.model_type, **given[2]}
        found[name] = (json.dumps(sizes), model)
    return found


def _adapted(model: Any, kind: str, **keys: Any) -> Any:
    import peft

    return peft.get_peft_model(copy.deepcopy(model), getattr(peft, kind)(**keys))


def small_rows_of_peft() -> Iterator[Row]:
    """Yield what PEFT trains of small models: its own targets where it has some, or all linear."""
    from peft.utils import constants

    own = {
        kind: getattr(constants, f"TRANSFORMERS_MODELS_TO_{kind}_MAPPING")
        for kind in ("LORA_TARGET_MODULES", "IA3_TARGET_MODULES", "IA3_FEEDFORWARD_MODULES")
    }
    own["LN"] = constants.TRANSFORMERS_MODELS_TO_LNTUNING_TARGET_MODULES_MAPPING
    for text, model in small_models().values():
        kind = model.config.model_type
        if "mobilenet" in kind:  # LoRA at depthwise convolutions is another there
            continue
        reads = "pixel_values" not in model.main_input_name
        targets = own["LORA_TARGET_MODULES"].get(kind, "all-linear")
        if "net" in kind and not reads:
            targets = ["convolution"]
        lora: dict[str, Any] = {"r": 2, "target_modules": targets}
        ours = {"method": "lora", "rank": 2, "targets": targets}
        forms = [({}, {}), ({"use_dora": True}, {"dora": "true"})]
        forms += [({"bias": each}, {"bias": each}) for each in ("all", "lora_only")]
        for theirs, keys in forms if "net" not in kind else forms[:1]:
            if "all" in theirs.values() and not any(
                "bias" in n for n, _ in model.named_parameters()
            ):
                continue
            adapted = _adapted(model, "LoraConfig", **lora, **theirs)
            yield text, _flow(**ours, **keys), str(_trained(adapted, _not_head))
        if not reads:
            continue
        if targets != "all-linear":
            adapted = _adapted(model, "LoraConfig", r=2, target_modules="all-linear")
            yield (
                text,
                _flow(method="lora", rank=2, targets="all-linear"),
                str(_trained(adapted, _not_head)),
            )
            adapted = _adapted(model, "LoraConfig", **lora, layers_to_transform=[1])
            yield text, _flow(**ours, layers=["1"]), str(_trained(adapted, _not_head))
        if scaled := own["IA3_TARGET_MODULES"].get(kind):
            inner = own["IA3_FEEDFORWARD_MODULES"][kind]
            adapted = _adapted(model, "IA3Config", target_modules=scaled, feedforward_modules=inner)
            keys = _flow(method="ia3", targets=scaled, feedforward=inner)
            yield text, keys, str(_trained(adapted, _not_head))
        if norms := own["LN"].get(kind):
            adapted = _adapted(model, "LNTuningConfig", target_modules=norms)
            yield text, _flow(method="head", trainable=norms), str(_trained(adapted, _not_head))
        task = "CAUSAL_LM" if hasattr(model, "lm_head") or kind in ("gpt_neox",) else "SEQ_CLS"
        for each, method in (("PrefixTuningConfig", "prefix"), ("PromptTuningConfig", "prompt")):
            # Prompts there are as wide as the layers, though the embedding is narrower.
            if kind == "mobilebert" or (method == "prompt" and kind in ("electra", "opt")):
                continue
            more = {"task_type": task, "num_virtual_tokens": 3}
            if kind == "distilbert":  # whose keys the library does not know
                more |= {"token_dim": 24, "num_layers": 2, "num_attention_heads": 4}
            adapted = _adapted(model, each, **more)
            yield text, _flow(method=method, length=3), str(_trained(adapted, _not_head))


# Where the parts of a layer are, for models that the library adapters knows by an interface alone.
_GATED = ("layers", "self_attn", "o_proj", "mlp.up_proj", "mlp.down_proj")
_GATED += ("input_layernorm", "post_attention_layernorm")
_PLACES = dict.fromkeys(("qwen2", "qwen3", "smollm3", "gemma", "phi3"), _GATED)
_PLACES["phi3"] = (*_GATED[:3], "mlp.gate_up_proj", *_GATED[4:])
_PLACES["opt"] = ("decoder.layers", "self_attn", "out_proj", "fc1", "fc2")
_PLACES["opt"] += ("self_attn_layer_norm", "final_layer_norm")
_PLACES["gpt_neox"] = ("layers", "attention", "dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h")
_PLACES["gpt_neox"] += ("input_layernorm", "post_attention_layernorm")
_TABLES = {"opt": "decoder.embed_tokens", "gpt_neox": "embed_in"}
_KNOWN = ("albert", "bert", "roberta", "distilbert", "electra", "vit", "gpt2", "llama", "mistral")


def _interface(kind: str) -> Any:
    from adapters import AdapterModelInterface

    if kind in _KNOWN:
        return None
    layers, attention, output, inner, end, first, second = _PLACES[kind]
    whole = {"phi3": "qkv_proj", "gpt_neox": "query_key_value"}.get(kind)
    parts = [None if whole else f"{each}_proj" for each in "qkv"]
    return AdapterModelInterface(
        adapter_methods=["bottleneck"],
        model_embeddings=_TABLES.get(kind, "embed_tokens"),
        model_layers=layers,
        layer_self_attn=attention,
        layer_cross_attn=None,
        attn_q_proj=parts[0],
        attn_k_proj=parts[1],
        attn_v_proj=parts[2],
        attn_qkv_proj=whole,
        attn_o_proj=output,
        layer_intermediate_proj=inner,
        layer_output_proj=end,
        layer_pre_self_attn=first,
        layer_pre_ffn=second,
    )


def small_rows_of_adapters() -> Iterator[Row]:
    """Yield what bottlenecks of the library adapters train of small models."""
    import adapters
    from adapters import DoubleSeqBnConfig, SeqBnConfig

    for text, model in small_models().values():
        kind = model.config.model_type
        if kind not in (*_KNOWN, *_PLACES):
            continue
        width = model.config.hidden_size // 4
        for config, keys in (
            (
                DoubleSeqBnConfig(reduction_factor=4),
                {
                    "method": "houlsby",
                    "bottleneck": width,
                    "frozen": [_NORMS.get(kind, "*[nN]orm*")],
                },
            ),
            (SeqBnConfig(reduction_factor=4), {"method": "pfeiffer", "bottleneck": width}),
        ):
            adapted = copy.deepcopy(model)
            adapters.init(adapted, interface=_interface(kind))
            adapted.add_adapter("task", config=config)
            adapted.train_adapter("task")
            yield text, _flow(**keys), str(_trained(adapted, lambda name: "task" in name))


def residual(model: Any, form: str) -> int:
    """Return the parameters of residual adapters and of all batch norms of a ResNet."""
    from torch import nn

    count = 0
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            count += sum(p.numel() for p in module.parameters())
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3) and ".stages." in name:
            planes, inputs = module.out_channels, module.in_channels
            # conv1x1 of the released code: in series a batch norm and a square convolution.
            added = nn.Conv2d(inputs, planes, 1, module.stride, bias=False)
            if form == "series":
                added = nn.Sequential(
                    nn.BatchNorm2d(planes), nn.Conv2d(planes, planes, 1, bias=False)
                )
            count += sum(p.numel() for p in added.parameters())
    return count


def adapters_rows() -> Iterator[Row]:
    """Yield what the library adapters trains."""
    import adapters
    from adapters import DoubleSeqBnConfig, LoRAConfig, PrefixTuningConfig, SeqBnConfig

    for preset in ADAPTERS:
        width = build(preset).config.hidden_size
        # The library has one module for all layers of ALBERT.
        shared = {"shared_across_layers": "true"} if preset == "albert-base" else {}
        norms = [_NORMS.get(preset, "*[nN]orm*")]
        for config, keys in (
            (
                DoubleSeqBnConfig(),
                {"method": "houlsby", "bottleneck": width // 16, "frozen": norms},
            ),
            (SeqBnConfig(), {"method": "pfeiffer", "bottleneck": width // 16}),
            (PrefixTuningConfig(flat=True), {"method": "prefix", "length": 30, **shared}),
            (LoRAConfig(r=8), {"method": "lora", "rank": 8}),
        ):
            model = build(preset)
            adapters.init(model)
            model.add_adapter("task", config=config)
            model.train_adapter("task")
            yield preset, _flow(**keys), str(_trained(model, lambda name: "task" in name))
    yield from small_rows_of_adapters()


ROWS = {"peft": peft_rows, "adapters": adapters_rows}


def main() -> None:
    import torch
    import transformers

    (library,) = sys.argv[1:]
    found = list(ROWS[library]())
    version = __import__(library).__version__
    versions = f"{library} {version}, transformers {transformers.__version__}"
    lines = FILE.read_text(encoding="utf-8").splitlines() if FILE.exists() else []
    kept = [row for row in csv.reader(x for x in lines if x[0] != "#")][1:]
    kept = [row for row in kept if not row[0].startswith(f"{library} ")]
    source = f"{versions}, torch {torch.__version__.partition('+')[0]}"
    rows = [*kept, *([source, *row] for row in found)]
    with FILE.open("w", encoding="utf-8", newline="") as target:
        target.write("# Parameters that are trained for a task, heads left out.\n")
        target.write("# Made by tests/reference/make_adaptations.py\n")
        writer = csv.writer(target, lineterminator="\n")
        writer.writerows([["source", "model", "adaptation", "parameters"], *sorted(rows)])


if __name__ == "__main__":
    main()
