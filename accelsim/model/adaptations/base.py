"""What an adaptation of a pretrained model to tasks is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from accelsim.inputs.validation import ConfigModel
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Operator
from accelsim.model.tensors import Parameter, Role

Edge = tuple[str, str]


class Adaptation(ConfigModel):
    """Says what is trained for each task, as a transformation of the pretrained graph.

    ``method`` is how a workload calls it: a Literal in each subclass. ``keeps_backbone`` says
    whether tasks go on sharing the pretrained encoder.
    """

    keeps_backbone: ClassVar[bool] = True

    method: str

    @abstractmethod
    def adapt(self, graph: LayerGraph) -> LayerGraph:
        """Return a new graph, adapted to a task; the given one is not changed.

        Raises ConfigError for a graph that cannot be adapted so.
        """

    def describe(self) -> str:
        """Return the method and its keys: ``houlsby fine-tuning, bottleneck 32``."""
        given = self.model_dump(exclude={"method"}, exclude_none=True)
        texts = {
            key: " and ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            for key, value in given.items()
        }
        return ", ".join([f"{self.method} fine-tuning", *map(" ".join, texts.items())])


def assign_roles(
    operators: Iterable[Operator], choose: Callable[[Operator, Parameter], Role]
) -> list[Operator]:
    """Return the operators with new roles; those that share a parameter go on sharing it."""
    assigned: dict[str, Parameter] = {}
    changed = []
    for operator in operators:
        for parameter in operator.parameters:
            if parameter.name not in assigned:
                assigned[parameter.name] = replace(parameter, role=choose(operator, parameter))
        mine = tuple(assigned[parameter.name] for parameter in operator.parameters)
        changed.append(replace(operator, parameters=mine) if mine else operator)
    return changed


def extend(
    graph: LayerGraph, branches: Mapping[str, tuple[Sequence[Operator], Sequence[Edge]]]
) -> tuple[list[Operator], list[Edge]]:
    """Return the operators and edges of a graph with branches behind some operators.

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
    return operators, edges


def _labelled(added: Operator, host: Operator) -> Operator:
    """Return an operator with the label of its host's part of the model before its own name."""
    part, label = (text.rpartition(".")[0] for text in (host.name, host.label))
    if not added.name.startswith(f"{part}."):
        return added
    return replace(added, label=label + added.name.removeprefix(part))
