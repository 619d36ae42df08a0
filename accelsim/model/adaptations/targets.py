"""Modules that an adaptation stands at: by patterns, or by regular expressions as PEFT has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Discriminator, Field, Tag

from accelsim.errors import ConfigError
from accelsim.model.adaptations.base import (
    Adaptation,
    Patterns,
    is_called,
    nothing_called,
    with_parameters,
)
from accelsim.model.families import name_prefixes
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import CONVOLUTION, MATMUL, Operator
from accelsim.model.operators.base import Reach
from accelsim.model.tensors import Parameter, Role

ALL_LINEAR = "all-linear"
Number = TypeVar("Number", int, float)


def _readable(expression: str) -> str:
    try:
        re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if _takes_forever(expression):
        raise ValueError(
            f"repeats within repeats, or more than {_MOST_REPEATS}, may search without an end; "
            "write the names out, as in 'q_proj|v_proj'"
        )
    return expression


_MOST_REPEATS = 6  # [ours] expressions of PEFT's users have up to five


def _takes_forever(expression: str) -> bool:
    """Say whether a group that varies is repeated, or many parts are: searches go back then."""
    plain = re.sub(r"\\.|\[\^?\]?[^]]*\]", "x", expression)
    if len(re.findall(r"[*+]|\{\d*,", plain)) > _MOST_REPEATS:
        return True
    group = re.compile(r"\((?:\?(?:[:=!]|<[=!]|P<\w+>))?([^()]*)\)([*+]|\{\d*,)?")
    while found := group.search(plain):
        varies = re.search(r"[*+?{|]", found[1])
        if varies and found[2]:
            return True
        plain = f"{plain[: found.start()]}x{'*' if varies else ''}{plain[found.end() :]}"
    return False


Expression = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_readable)]
# By what is given, so that what is wrong with a list is told of a list.
Chosen = Annotated[
    Annotated[Expression, Tag("expression")] | Annotated[Patterns, Tag("patterns")],
    Discriminator(lambda given: "expression" if isinstance(given, str) else "patterns"),
]


class Targeted(Adaptation):
    """Stands at products and convolutions, its targets.

    ``targets`` are patterns of the names of modules, or of their last parts: ``query``,
    ``attention.query``, ``*ffn*``; of those of operators where no module is called so;
    ``all-linear`` are all products but the last. A text instead of a list is a regular expression
    of whole names. Query and value unless given. Those that ``excluded`` names in the same ways are
    none, and with ``layers`` only those that have such a number: the first in their name, or the
    first behind one of ``layer_lists``; and those whose whole name is given. All this is as in
    PEFT, names with or without the prefix of a model with a head.
    """

    excluded: Chosen | None = None
    layers: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = None
    layer_lists: Annotated[list[Expression], Field(min_length=1)] | None = None

    def find_targets(self, graph: LayerGraph, targets: Chosen) -> list[tuple[Operator, str]]:
        """Return the targets, and the module that each is a part of, in order.

        A target that is chosen by the name of its operator has a module of its own. Raises
        ConfigError for what matches nothing, and where nothing is left.
        """
        products = [each for each in graph.operators if _may_be_target(each)]
        found: dict[str, str] = {}
        for each in [targets] if isinstance(targets, str) else [[each] for each in targets]:
            matching = _matching(each, graph, products)
            if not matching:
                pattern = each if isinstance(each, str) else each[0]
                modules = (product.parameters[0].module or product.name for product in products)
                raise nothing_called(f"{self.method}: no frozen product", pattern, modules)
            found = {**matching, **found}
        left = {name: module for name, module in found.items() if self._keeps(module, targets)}
        if not left:
            raise ConfigError(f"{self.method}: excluded and layers leave none of the targets")
        return [(each, left[each.name]) for each in products if each.name in left]

    def _keeps(self, module: str, targets: Chosen) -> bool:
        if self.excluded is not None and is_chosen(self.excluded, module):
            return False
        if self.layers is None or any(name in targets for name in _full_names(module)):
            return True
        return _number(module, self.layer_lists) in self.layers


def _matching(chosen: Chosen, graph: LayerGraph, products: list[Operator]) -> dict[str, str]:
    """Return the operators that are chosen by one expression or pattern, with their modules."""
    if chosen in (ALL_LINEAR, [ALL_LINEAR]):
        inner = (o for o in products if o.kind is MATMUL and graph.successors(o))
        return {o.name: o.parameters[0].module for o in inner}
    tables = {p.name for o in graph.operators if o.kind.reach is Reach.TABLE for p in o.parameters}
    # A head that shares the table of tokens has no module that is called so.
    named = (each for each in products if each.parameters[0].name not in tables)
    modules = {each.name: each.parameters[0].module for each in named}
    found = {name: module for name, module in modules.items() if is_chosen(chosen, module)}
    if found or isinstance(chosen, str):
        return found
    # Of an operator that is one part of a module, A is its own.
    return {o.name: own_module(o) for o in products if is_called(o.name, chosen[0])}


def is_chosen(chosen: Chosen, module: str) -> bool:
    """Say whether a regular expression, or one of some patterns, is of a module."""
    names = _full_names(module)
    if isinstance(chosen, str):
        return any(re.fullmatch(chosen, name) for name in names)
    return any(is_called(name, pattern) for pattern in chosen for name in names)


def of_module(table: Mapping[str, Number] | None, module: str, usual: Number) -> Number:
    """Return what the first regular expression of the end of a module's name stands for."""
    found = (value for pattern, value in (table or {}).items() if _ends_so(pattern, module))
    return next(found, usual)


def check_used(what: str, table: Mapping[str, Number] | None, modules: list[str]) -> None:
    """Raise ConfigError for an expression of ``of_module`` that is of no module, with near ones."""
    for pattern in table or {}:
        if not any(_ends_so(pattern, module) for module in modules):
            raise nothing_called(what, pattern, modules)


def _ends_so(pattern: str, module: str) -> bool:
    return any(re.match(rf"(.*\.)?({pattern})$", name) for name in _full_names(module))


def own_module(operator: Operator) -> str:
    """Return the name of the weight alone: that of its module, unless that has several."""
    return operator.parameters[0].name.rpartition(".")[0]


def part_of(target: Operator, name: str, shape: tuple[int, ...]) -> Parameter:
    """Return a parameter of a task that is rows of its module's, where the target's weight is."""
    weight = target.parameters[0]
    module = "" if weight.module == own_module(target) else weight.module
    return Parameter(name, shape, Role.TASK, module, runs=weight.runs)


def whole(target: Operator, what: str) -> Operator:
    """Return a target that uses all of its weight. Raises ConfigError for another."""
    if target.partial:
        raise ConfigError(
            f"{what} scales whole rows, but '{target.name}' uses a part of its weight, because "
            "heads are off; leave attention_spans out"
        )
    return target


def merged(graph: LayerGraph, weights: set[str]) -> LayerGraph:
    """Return the graph with weights of the tasks' own in their old home."""

    def change(operator: Operator, parameter: Parameter) -> Parameter:
        if parameter.name not in weights:
            return parameter
        return replace(parameter, role=Role.TASK, home=parameter.role)

    return with_parameters(graph, change)


def _may_be_target(operator: Operator) -> bool:
    product = operator.kind is MATMUL or (operator.kind is CONVOLUTION and operator.groups == 1)
    return product and operator.parameters[0].role is not Role.TASK


def _number(module: str, lists: list[str] | None) -> int | None:
    """Return the number of the layer that a module is in, as PEFT finds it."""
    patterns = [rf"(?:^|.*?\.)(?:{each})\.(\d+)\." for each in lists or ()]
    for pattern in patterns or [r".*?\.[^.]*\.(\d+)\."]:
        if match := re.match(pattern, f"model.{module}"):
            return int(match[match.lastindex or 1])
    return None


def _full_names(module: str) -> list[str]:
    """Return a module's name as models with a head have it, GPT-2's too."""
    return [f"{prefix}{module}" for prefix in ("", "transformer.", *name_prefixes())]
