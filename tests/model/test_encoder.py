from __future__ import annotations

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_strategies import SIZES, exactly, model_configs

from accelsim.errors import ConfigError
from accelsim.model.families import ModelFamily, find_model
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import ATTENTION_CONTEXT, ATTENTION_SCORES, GATHER, SOFTMAX
from accelsim.model.tensors import Role

LAYER_PARTS = [
    "query",
    "key",
    "value",
    "scores",
    "softmax",
    "context",
    "output",
    "attention_add",
    "attention_layer_norm",
    "ffn1",
    "gelu",
    "ffn2",
    "ffn_add",
    "ffn_layer_norm",
]


def build(name: str = "albert-base", tokens: int = 128, **changes: object) -> LayerGraph:
    model = find_model(name, **changes)
    return model.build(sequence_length=tokens, classes=2)


def closed_form_parameters(model: ModelFamily, classes: int) -> int:
    hidden, inner, width = model.hidden_size, model.intermediate_size, model.embedding_size
    tables = model.vocabulary_size + model.maximum_positions + model.type_vocabulary_size
    embedding = (tables + 2) * width
    projection = (width + 1) * hidden if model.family == "albert" else 0
    attention = 4 * (hidden + 1) * hidden + 2 * hidden
    feed_forward = (hidden + 1) * inner + (inner + 1) * hidden + 2 * hidden
    stored = 1 if model.shared_layers else model.layers
    pooler = (hidden + 1) * hidden if model.pooler else 0
    layers = stored * (attention + feed_forward)
    return embedding + projection + layers + pooler + (hidden + 1) * classes


def closed_form_macs(model: ModelFamily, tokens: int, classes: int) -> int:
    hidden, inner = model.hidden_size, model.intermediate_size
    projection = tokens * model.embedding_size * hidden if model.family == "albert" else 0
    layer = tokens * (4 * hidden**2 + 2 * hidden * inner) + 2 * tokens**2 * hidden
    pooler = hidden**2 if model.pooler else 0
    return projection + model.layers * layer + pooler + classes * hidden


@given(model_configs(), st.integers(1, 64), st.integers(1, 9))
def test_parameters_and_macs_equal_their_closed_forms(
    model: ModelFamily, tokens: int, classes: int
) -> None:
    graph = model.build(sequence_length=tokens, classes=classes)
    assert graph.parameter_count() == closed_form_parameters(model, classes)
    assert graph.macs == closed_form_macs(model, tokens, classes)


@given(model_configs(), st.integers(1, 64))
def test_the_graph_is_one_acyclic_piece_from_the_embedding_to_the_classifier(
    model: ModelFamily, tokens: int
) -> None:
    graph = model.build(sequence_length=tokens, classes=2)
    assert networkx.is_directed_acyclic_graph(graph.digraph)
    assert {o.kind for o in graph.operators if not graph.predecessors(o)} == {GATHER}
    assert [o.name for o in graph.operators if not graph.successors(o)] == ["classifier"]
    assert (graph.layers, graph.sequence_length) == (model.layers, tokens)


@given(model_configs(), st.integers(1, 16), st.integers(2, 4))
def test_matmuls_grow_linearly_and_attention_quadratically_with_the_sequence(
    model: ModelFamily, tokens: int, factor: int
) -> None:
    short = model.build(sequence_length=tokens, classes=2)
    long = model.build(sequence_length=factor * tokens, classes=2)
    for before in short.operators:
        after = long[before.name]
        if before.kind in (ATTENTION_SCORES, ATTENTION_CONTEXT):
            assert after.macs == factor**2 * before.macs
        elif before.name in ("pooler", "pooler.tanh", "classifier"):
            assert after == before
        else:
            assert after.macs == factor * before.macs


def test_albert_base_has_the_macs_of_a_counted_run() -> None:
    # Counted by torch's flop counter over AlbertModel (transformers 5.23), batch 1, 128 tokens.
    graph = build()
    assert graph.macs - graph["classifier"].macs == 11_186_798_592
    assert sum(operator.macs for operator in graph.layer_operators(5)) == 931_135_488
    assert graph["embedding.projection"].macs == 12_582_912
    assert graph["pooler"].macs == 589_824


def test_operators_have_regular_names_in_the_order_of_execution() -> None:
    names = [operator.name for operator in build(layers=2).operators]
    embedding = ["token", "position", "type", "add", "layer_norm", "projection"]
    assert names == [
        *(f"embedding.{part}" for part in embedding),
        *(f"encoder.{layer}.{part}" for layer in (0, 1) for part in LAYER_PARTS),
        "pooler",
        "pooler.tanh",
        "classifier",
    ]


def test_residuals_and_operands_are_those_of_the_transformer() -> None:
    graph = build(layers=2)

    def sources(name: str) -> list[str]:
        return [operator.name.removeprefix("encoder.1.") for operator in graph.predecessors(name)]

    below = "encoder.0.ffn_layer_norm"
    assert sources("encoder.1.query") == sources("encoder.1.value") == [below]
    assert sources("encoder.1.scores") == ["query", "key"]
    assert sources("encoder.1.context") == ["softmax", "value"]
    assert sources("encoder.1.attention_add") == ["output", below]
    assert sources("encoder.1.ffn_add") == ["ffn2", "attention_layer_norm"]
    assert sources("embedding.add") == [f"embedding.{n}" for n in ("token", "position", "type")]
    assert sources("pooler") == ["ffn_layer_norm"]


@pytest.mark.parametrize("size", SIZES)
def test_layers_share_parameters_in_albert_and_not_in_bert(size: str) -> None:
    graph = build(size)
    for part in LAYER_PARTS:
        first, last = graph[f"encoder.0.{part}"], graph[f"encoder.{graph.layers - 1}.{part}"]
        pairs = list(zip(first.parameters, last.parameters, strict=True))
        if size.startswith("albert"):
            assert all(a is b for a, b in pairs)
        else:
            assert all(a.name != b.name and a.shape == b.shape for a, b in pairs)


def test_unshared_layers_of_albert_are_groups_of_their_own() -> None:
    shared, unshared = build(layers=3), build(layers=3, shared_layers=False)
    layer = shared.parameter_count(module="encoder.albert_layer_groups")
    assert unshared.parameter_count() == shared.parameter_count() + 2 * layer
    assert unshared.parameter_count(module="encoder.albert_layer_groups.2") == layer
    assert unshared.macs == shared.macs


def test_only_bert_reads_the_embedding_without_a_projection() -> None:
    graph = build("bert-base")
    assert "embedding.projection" not in graph
    assert graph.predecessors("encoder.0.query") == (graph["embedding.layer_norm"],)


def test_the_classifier_reads_one_token_with_and_without_pooler() -> None:
    with_pooler, without = build(), build(pooler=False)
    assert with_pooler["pooler"].rows == with_pooler["classifier"].rows == 1
    assert without.predecessors("classifier") == (without["encoder.11.ffn_layer_norm"],)
    assert without.inputs("classifier")[0].elements == 768


@pytest.mark.parametrize("masked", [True, False])
def test_the_padding_mask_marks_the_softmax_alone(masked: bool) -> None:
    model = find_model("albert-base")
    graph = model.build(sequence_length=8, classes=2, padding_mask=masked)
    assert {o.kind for o in graph.operators if o.masked} == ({SOFTMAX} if masked else set())


def test_pretrained_roles() -> None:
    graph = build()
    modules = {role: set() for role in Role}
    for parameter in graph.parameters:
        modules[parameter.role].add(parameter.module.removeprefix("encoder.albert_layer"))
    assert modules[Role.TASK] == {"classifier"}
    assert modules[Role.EMBEDDING] == {
        "embeddings.word_embeddings",
        "embeddings.position_embeddings",
        "embeddings.token_type_embeddings",
        "embeddings.LayerNorm",
        "encoder.embedding_hidden_mapping_in",
    }
    assert modules[Role.BACKBONE] > {"pooler", "_groups.0.albert_layers.0.ffn"}


def test_the_longest_sequence_is_accepted_and_one_more_token_refused() -> None:
    assert build(tokens=512).sequence_length == 512
    message = (
        "sequence_length 513 is more than the 512 positions of albert-base; shorten it or raise "
        "maximum_positions"
    )
    with pytest.raises(ConfigError, match=exactly(message)):
        build(tokens=513)


def test_an_empty_sequence_and_a_classifier_of_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match=exactly("sequence_length is 0, must be 1 token or more")):
        build(tokens=0)
    message = "classes is 0, must be 1 or more (1 for a regression)"
    with pytest.raises(ConfigError, match=exactly(message)):
        find_model("albert-base").build(sequence_length=8, classes=0)
