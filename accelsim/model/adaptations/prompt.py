"""Prompt tuning: learned vectors before the embedded tokens of every input.

Lester et al., "The Power of Scale for Parameter-Efficient Prompt Tuning", EMNLP 2021; Liu et al.,
"GPT Understands, Too", 2021 (P-tuning, whose network is gone after training); both as in PEFT.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import Adaptation
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import GATHER, PREPEND
from accelsim.model.operators.base import Reach
from accelsim.model.operators.window import Window
from accelsim.model.tensors import Parameter, Role

_TOKEN = "embedding.token"


class Prompt(Adaptation):
    """Puts ``length`` virtual tokens before all others: every input is so much longer.

    Their vectors, as wide as an embedded token, are ``task`` and called ``prompt_embeddings``. They
    take the first positions, and a classifier reads the first of them, as in PEFT.
    """

    method: Literal["prompt"]
    length: Annotated[int, Field(ge=1, le=1_000_000, examples=[20])]

    @property
    def virtual_tokens(self) -> int:
        """The tokens that are before those of an input."""
        return self.length

    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return the graph, which was built so much longer, with the first tokens learned.

        Raises ConfigError for one that looks up no tokens, or that generates them.
        """
        if _TOKEN not in graph or graph[_TOKEN].kind is not GATHER:
            raise ConfigError(
                "prompt tuning puts vectors before tokens, but the graph looks up none"
            )
        if any(operator.kind.reach is Reach.STATE for operator in graph.operators):
            raise ConfigError(
                "virtual tokens of a model that generates are not known here; give all prompts as "
                "many tokens more and leave the adaptation out, or leave generate out"
            )
        token, name = graph[_TOKEN], f"{_TOKEN}_prompt"
        rows, width = token.rows - self.length, token.columns
        if rows < 1:
            raise ConfigError(f"{token.rows} tokens have no room behind {self.length} virtual ones")
        learned = Parameter("prompt_embeddings", (self.length, width), Role.TASK)
        prompt = replace(
            token,
            name=name,
            label="",
            kind=PREPEND,
            depth=width,
            parameters=(learned,),
            window=Window((rows, 1), (1, 1)),
        )
        shorter = {_TOKEN: [replace(token, rows=rows), prompt]}
        operators = [new for each in graph.operators for new in shorter.get(each.name, [each])]
        edges = [(name if a == _TOKEN else a, b) for a, b in graph.edges]
        edges.append((_TOKEN, name))
        return LayerGraph(operators, edges, sequence_length=graph.sequence_length)
