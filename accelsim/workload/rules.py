"""Rules between the parts of a workload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from accelsim.inputs.paths import KeyPath, suggest
from accelsim.model.families import Network
from accelsim.requests.generation import GenerateConfig
from accelsim.units import ceil_div
from accelsim.workload.cases import CaseConfig
from accelsim.workload.sections import WorkloadSections
from accelsim.workload.tasks import wrong_adaptations


def broken_rules(workload: WorkloadSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield the place of each thing that does not go with the rest, and what is wrong."""
    yield from wrong_baselines(workload.cases)
    yield from wrong_choices(workload)
    yield from wrong_length(workload)
    for model in workload.networks.values():
        yield from too_long(workload, model)
    yield from wrong_generation(workload)
    yield from wrong_spans(workload)
    yield from wrong_classes(workload)
    for name, task in workload.tasks.items():
        own, cases = workload.name_of_model(name), workload.cases.values()
        adaptations = [case.adaptation_of(own) for case in cases]
        yield from wrong_adaptations(name, task, adaptations)


def wrong_spans(workload: WorkloadSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of each task's spans that do not go with the model, and why."""
    for task, spans in workload.attention_spans.items():
        path = ("attention_spans", task)
        if task not in workload.tasks:
            hint = suggest(task, workload.tasks, "tasks")
            yield path, f"there is no task '{task}' in this workload; {hint}"
            continue
        heads = workload.model_of(task).attention_heads
        if len(spans) != heads or not any(spans):
            got = f"got {len(spans)} with {sum(map(bool, spans))} above 0"
            yield path, f"expected {heads} spans, one a head, not all of them 0; {got}"


def wrong_length(workload: WorkloadSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with the sequence length: missing, or there are pictures alone."""
    models, given = workload.networks.values(), workload.sequence_length
    read = max(model.longest for model in models)
    if "sequence_length" not in workload.model_fields_set and read > 1:
        yield ("sequence_length",), "this key is missing; expected a whole number"
    elif given > read == 1:
        reads = f"{', '.join(model.name for model in models)} reads one picture at a time"
        yield ("sequence_length",), f"{reads}, got {given}; leave this key out"


def too_long(workload: WorkloadSections, model: Network) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with sentences that a model of tokens has no positions for."""
    longest, given = model.longest, workload.sequence_length
    if given > longest > 1:
        more = f"{given} tokens are more than the {longest} positions of {model.name}"
        yield ("sequence_length",), f"{more}; shorten it or raise model.maximum_positions"


def wrong_generation(workload: WorkloadSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with the tokens to generate: by no decoder, or too many."""
    asked, models = workload.generate, workload.networks.values()
    decoders = [model for model in models if model.generates]
    if asked and not decoders:
        names = ", ".join(model.name for model in models)
        yield ("generate",), f"{names} is no decoder and generates no tokens; leave it out"
    elif asked:
        for model in decoders:
            yield from _too_many_tokens(workload, asked, model)


def _too_many_tokens(
    workload: WorkloadSections, asked: GenerateConfig, model: Network
) -> Iterator[tuple[KeyPath, str]]:
    prompt, new, chunk = workload.sequence_length, asked.new_tokens, asked.prompt_chunk
    most = f"are more than the {model.longest} positions of {model.name}"
    if prompt + new - 1 > model.longest:
        told = f"{new} tokens behind {prompt} of a prompt {most}; shorten either"
        yield ("generate", "new_tokens"), told
    elif chunk and ceil_div(prompt, chunk) * chunk > model.longest:
        told = f"whole chunks of {chunk} tokens for {prompt} {most}; take shorter chunks"
        yield ("generate", "prompt_chunk"), told


def wrong_classes(workload: WorkloadSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of each task that lacks its classes, where the model classifies."""
    for name, task in workload.tasks.items():
        if workload.model_of(name).classifies and task.classes is None:
            yield ("tasks", name, "classes"), "this key is missing; expected a whole number"


def wrong_baselines(cases: Mapping[str, CaseConfig]) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of each baseline that is none, and why."""
    for name, case in cases.items():
        path = ("cases", name, "baseline")
        if case.baseline == name:
            yield path, "a case is not its own baseline; name another case or remove this key"
        elif case.baseline is not None and case.baseline not in cases:
            hint = suggest(case.baseline, cases, "cases")
            yield path, f"there is no case '{case.baseline}'; {hint}"


def wrong_models(workload: WorkloadSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with the names of models; without a model nothing else can be told."""
    models = workload.models
    if workload.model is not None and models:
        yield ("models",), "stands beside 'model'; keep one of them"
    elif workload.model is None and not models:
        yield ("model",), "this key is missing; expected a model, or several by name in 'models'"
    wanted = "there is one model; leave this key out, or name the models in 'models'"
    for name, task in workload.tasks.items():
        path = ("tasks", name, "model")
        if task.model is None and len(models) > 1:
            yield path, f"this key is missing; expected one of {', '.join(models)}"
        elif task.model is not None and task.model not in models:
            hint = suggest(task.model, models, "models") if models else wanted
            yield path, f"there is no model '{task.model}'; {hint}"
    used = {task.model for task in workload.tasks.values()}
    for name in models if len(models) > 1 else ():
        if name not in used:
            yield ("models", name), "no task names this model; leave it out, or give it a task"
    for case, config in workload.cases.items():
        for name in config.models:
            if name not in models:
                hint = suggest(name, models, "models") if models else wanted
                yield ("cases", case, "models", name), f"there is no model '{name}'; {hint}"
            elif config.swaps(name) and len(models) < 2:
                at = ("cases", case, "models", name, "swapped")
                yield at, "there is no other model to make room for; leave it out"


def wrong_choices(workload: WorkloadSections) -> Iterator[tuple[KeyPath, str]]:
    """Yield what several models cannot have in common: the files of one's weights."""
    first, *others = workload.networks
    for name, case in workload.cases.items() if others else ():
        for key in ("shared", "tasks"):
            if case.weights and getattr(case.weights, key):
                where = f"cases.{name}.models.{first}.weights.{key}"
                told = f"name them in {where}, and those of others likewise"
                path = ("cases", name, "weights", key)
                yield path, f"files hold the weights of one model; {told}"
