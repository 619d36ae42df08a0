"""What an adaptation of a pretrained model to tasks is."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from operator import is_
from typing import Annotated, ClassVar

from pydantic import Field, NonNegativeInt

from accelsim.errors import ConfigError
from accelsim.inputs.validation import ConfigModel
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Operator
from accelsim.model.tensors import Parameter, Role

# What is added behind an operator, and the edges into it.
Branch = tuple[Sequence[Operator], Sequence[tuple[str, str]]]
Patterns = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=1000)]], Field(min_length=1)
]


class Adaptation(ConfigModel):
    """Says what is trained for each task, as a transformation of the pretrained graph.

    ``method`` is how a workload calls it: a Literal in each subclass. ``keeps_backbone`` says
    whether tasks go on sharing the pretrained encoder.

    Whatever the method, what matches ``trainable`` is a task's own too (PEFT's
    ``modules_to_save``), and then what matches ``frozen`` is not. These are patterns of one or
    more whole parts of the names of parameters: ``embeddings``, ``LayerNorm.bias``,
    ``encoder.layer.[0-5]``.
    """

    keeps_backbone: ClassVar[bool] = True

    method: str
    trainable: Patterns | None = None
    frozen: Patterns | None = None

    @property
    def virtual_tokens(self) -> NonNegativeInt:
        """How many tokens stand before those of an input: the graph is built so much longer."""
        return 0

    def factor_of(self, module: str) -> float | None:
        """Return what B of LoRA at a module is multiplied by when it is read; None as it is."""
        return None

    @abstractmethod
    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return a new graph, adapted to a task; the given one is not changed.

        Raises ConfigError for a graph that cannot be adapted so.
        """

    def apply(self, graph: LayerGraph) -> LayerGraph:
        """Return the adapted graph with what else is ``trainable``, and what is ``frozen``.

        Raises ConfigError as ``adapt`` does, and for a pattern that matches nothing.
        """
        adapted = self.adapt(graph)
        if self.trainable is None and self.frozen is None:
            return adapted
        names = [parameter.name for parameter in adapted.parameters]
        more = _chosen("trainable", self.trainable, names)
        less = _chosen("frozen", self.frozen, names)
        before = {p.name: p.role for p in graph.parameters if p.role is not Role.TASK}

        def role(operator: Operator, parameter: Parameter) -> Role:
            if parameter.name in less:
                return before.get(parameter.name, Role.BACKBONE)
            return Role.TASK if parameter.name in more else parameter.role

        return with_roles(adapted, role)

    def describe(self) -> str:
        """Return the method and its keys: ``houlsby fine-tuning, bottleneck 32``."""
        given = self.model_dump(exclude={"method"}, exclude_none=True)
        texts = {
            key: " and ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            for key, value in given.items()
        }
        return ", ".join([f"{self.method} fine-tuning", *map(" ".join, texts.items())])


def _chosen(key: str, patterns: Sequence[str] | None, names: Sequence[str]) -> set[str]:
    """Return the names that patterns match. Raises ConfigError for one that matches none."""
    found: set[str] = set()
    for pattern in patterns or ():
        matched = {name for name in names if fnmatchcase(f".{name}.", f"*.{pattern}.*")}
        if not matched:
            raise nothing_called(f"{key}: no parameter", pattern, names, parts=slice(None))
        found |= matched
    return found


def is_called(name: str, pattern: str) -> bool:
    """Say whether a pattern matches the name of a module, or its last parts."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}")


def nothing_called(
    what: str, pattern: str, names: Iterable[str], parts: slice = slice(-1, None)
) -> ConfigError:
    """Return the error for a pattern that none of some names matches, with near ones.

    Near are some ``parts`` of the names, between their dots, and names without their numbers.
    """
    alike = dict.fromkeys(re.sub(r"(?<=\.)\d+(?=\.|$)", "*", name) for name in names)
    words = dict.fromkeys(
        part for name in alike for part in name.split(".")[parts] if part not in ("", "*")
    )
    near = get_close_matches(pattern, words, n=4, cutoff=0.0)
    wanted = 0.6 if near else 0.0
    near += [e for e in get_close_matches(pattern, alike, n=2, cutoff=wanted) if e not in near]
    hint = f"near names: {', '.join(near)}" if near else "there is none at all"
    return ConfigError(f"{what} is called '{pattern}'; {hint}")


def with_roles(graph: LayerGraph, choose: Callable[[Operator, Parameter], Role]) -> LayerGraph:
    """Return a graph with new roles; operators that share a parameter go on sharing it."""

    def changed(operator: Operator, parameter: Parameter) -> Parameter:
        role = choose(operator, parameter)
        return parameter if role is parameter.role else replace(parameter, role=role)

    return with_parameters(graph, changed)


def with_parameters(
    graph: LayerGraph, change: Callable[[Operator, Parameter], Parameter]
) -> LayerGraph:
    """Return a graph with changed parameters, each by the first operator that has it."""
    made: dict[str, Parameter] = {}
    changed = []
    for operator in graph.operators:
        for parameter in operator.parameters:
            if parameter.name not in made:
                made[parameter.name] = change(operator, parameter)
        mine = tuple(made[parameter.name] for parameter in operator.parameters)
        same = all(map(is_, mine, operator.parameters))
        changed.append(operator if same else replace(operator, parameters=mine))
    return LayerGraph(changed, graph.edges, sequence_length=graph.sequence_length)


def extend(graph: LayerGraph, branches: Mapping[str, Branch]) -> LayerGraph:
    """Return a graph with branches behind some operators.

    A branch is what stands behind its host, in order, with the edges into it. Who read a host then
    reads the end of its branch; but for the branch itself. Branches that are named after the part
    of the model that their host stands in are labelled after it too.
    """
    ends = {host: added[-1].name for host, (added, _) in branches.items()}
    edges = [(ends.get(producer, producer), consumer) for producer, consumer in graph.edges]
    operators: list[Operator] = []
    for operator in graph.operators:
        added, own = branches.get(operator.name, ((), ()))
        operators += [operator, *(_labelled(each, operator) for each in added)]
        edges += [(a if a == operator.name else ends.get(a, a), b) for a, b in own]
    return LayerGraph(operators, edges, sequence_length=graph.sequence_length)


def _labelled(added: Operator, host: Operator) -> Operator:
    """Return an operator with the label of its host's part of the model before its own name."""
    part, label = (text.rpartition(".")[0] for text in (host.name, host.label))
    if not added.name.startswith(f"{part}."):
        return added
    return replace(added, label=label + added.name.removeprefix(part))
