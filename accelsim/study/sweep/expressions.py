"""Formulas over figures and axes: ``adapter.energy.system / adapter.area.system <= '3 J'``.

Names are those of a row. What contains other characters than a name may stands in
``figure("...")``. A quoted text that is a quantity counts in SI units.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator

from accelsim.units import UnitError, parse_any

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    # Whole numbers would take as long as they like.
    ast.Pow: lambda base, power: math.pow(base, power),
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: lambda value: -_number(value),
    ast.UAdd: lambda value: _number(value),
    ast.Not: operator.not_,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda one, many: one in many,
    ast.NotIn: lambda one, many: one not in many,
}
# Each with the fewest and the most operands that it takes.
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, float]] = {
    "min": (min, 2, math.inf),
    "max": (max, 2, math.inf),
    "abs": (abs, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
    "log": (math.log, 1, 2),
    "log10": (math.log10, 1, 1),
    "exp": (math.exp, 1, 1),
    "round": (lambda value, *digits: round(value, *map(int, digits)), 1, 2),
}
_FIGURE = "figure"
_LONGEST = 1000


def si(value: Any) -> Any:
    """Return a quantity's text as its SI value, anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return parse_any(value)[0]
    except UnitError:
        return value


class _NoValueError(Exception):
    """A name without a value."""


@dataclass(frozen=True)
class Expression:
    """A formula as it is written. ``parse`` makes one."""

    text: str

    @cached_property
    def _tree(self) -> ast.expr:
        return ast.parse(self.text.strip(), mode="eval").body

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The figures and axes that it takes."""
        return tuple(dict.fromkeys(_names(self._tree)))

    @property
    def alone(self) -> str | None:
        """The name that is all of it, None for any other formula."""
        return _name(self._tree)

    def says(self, known: Callable[[str], bool]) -> bool:
        """Whether its value is yes or no, where ``known`` says so of names."""
        return _says(self._tree, known)

    def compared(self) -> Iterator[tuple[str, str]]:
        """Yield the names that it compares with a text, each with that text."""
        for node in ast.walk(self._tree):
            sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
            for pair in pairwise(sides):
                for one, other in (pair, pair[::-1]):
                    name = _name(one)
                    if name and isinstance(other, ast.Constant) and isinstance(other.value, str):
                        yield name, other.value

    def value(self, known: Mapping[str, Any]) -> Any:
        """Return its value over names; None where one has none, or where there is no number.

        There is none of a division by zero or the logarithm of 0.
        """
        try:
            return _value(self._tree, known)
        except (_NoValueError, ArithmeticError, ValueError):
            return None

    @property
    def bound(self) -> tuple[Expression, Expression] | None:
        """Both sides of what is one comparison, None for anything else."""
        tree = self._tree
        if not isinstance(tree, ast.Compare) or len(tree.ops) != 1:
            return None
        return Expression(ast.unparse(tree.left)), Expression(ast.unparse(tree.comparators[0]))


def parse(text: str) -> Expression:
    """Return the expression of a text. Raises ValueError that says what cannot be part of one."""
    if len(text) > _LONGEST:
        raise ValueError(f"a formula of {len(text)} characters; expected at most {_LONGEST}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        list(_names(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        told = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ValueError(
            f"'{text}' is no formula: {told}; expected one such as adapter.energy.system * 2"
        ) from None
    return Expression(text)


def formula_of(name: str) -> str:
    """Return the formula that is a name alone, whatever characters it has."""
    try:
        plain = Expression(name).alone == name
    except (SyntaxError, ValueError):
        plain = False
    return name if plain else f"{_FIGURE}({name!r})"


Formula = Annotated[str, AfterValidator(lambda text: parse(text).text)]
"""A field of a ConfigModel with the text of an expression."""


def _dotted(node: ast.expr) -> str | None:
    """Return the name that a node is: ``adapter.energy.system``."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _quoted(node: ast.Call) -> str | None:
    """Return the name in ``figure("...")``."""
    if isinstance(node.func, ast.Name) and node.func.id == _FIGURE and len(node.args) == 1:
        argument = node.args[0]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            return argument.value
    return None


def _name(node: ast.expr) -> str | None:
    """Return the name that a node is, in quotes or without."""
    return _quoted(node) if isinstance(node, ast.Call) else _dotted(node)


def _names(node: ast.expr) -> Iterator[str]:
    """Yield the names in an expression. Raises ValueError for what it may not contain."""
    name = _name(node)
    if name is not None:
        yield name
        return
    for part in _parts(node):
        yield from _names(part)


def _parts(node: ast.expr) -> list[ast.expr]:
    """Return the operands of a node that an expression may contain."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            return []
        case ast.BinOp() if type(node.op) in _BINARY:
            return [node.left, node.right]
        case ast.UnaryOp() if type(node.op) in _UNARY:
            return [node.operand]
        case ast.Compare() if all(type(op) in _COMPARISONS for op in node.ops):
            return [node.left, *node.comparators]
        case ast.BoolOp():
            return node.values
        case ast.IfExp():
            return [node.test, node.body, node.orelse]
        case ast.List() | ast.Tuple():
            return node.elts
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _FUNCTIONS:
            _, fewest, most = _FUNCTIONS[name]
            if not fewest <= len(node.args) <= most:
                raise ValueError(f"'{ast.unparse(node)}' has {len(node.args)} operands")
            return node.args
    known = f"arithmetic, comparisons, and, or, not, if, {', '.join(_FUNCTIONS)}, {_FIGURE}"
    raise ValueError(f"'{ast.unparse(node)}' may not be part of it ({known} may)")


def _says(node: ast.expr, known: Callable[[str], bool]) -> bool:
    name = _name(node)
    if name is not None:
        return known(name)
    match node:
        case ast.Compare() | ast.UnaryOp(op=ast.Not()) | ast.Constant(value=bool()):
            return True
        case ast.BoolOp():
            return all(_says(each, known) for each in node.values)
        case ast.IfExp():
            return _says(node.body, known) and _says(node.orelse, known)
    return False


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    name = _name(node)
    if name is not None:
        if known.get(name) is None:
            raise _NoValueError
        return si(known[name])
    match node:
        case ast.Constant():
            return si(node.value)
        case ast.BoolOp():
            values = (bool(_value(part, known)) for part in node.values)
            return all(values) if isinstance(node.op, ast.And) else any(values)
        case ast.IfExp():
            return _value(node.body if _value(node.test, known) else node.orelse, known)
        case ast.List() | ast.Tuple():
            return [_value(each, known) for each in node.elts]
    parts = [_value(part, known) for part in _parts(node)]
    match node:
        case ast.BinOp():
            return _BINARY[type(node.op)](*map(_number, parts))
        case ast.UnaryOp():
            return _UNARY[type(node.op)](*parts)
        case ast.Compare():
            pairs = zip(node.ops, parts, parts[1:], strict=False)
            return all(_compared(op, left, right) for op, left, right in pairs)
        case ast.Call(func=ast.Name(id=called)):
            return _FUNCTIONS[called][0](*map(_number, parts))
    raise AssertionError(node)


def _compared(op: ast.cmpop, left: Any, right: Any) -> bool:
    try:
        return bool(_COMPARISONS[type(op)](left, right))
    except TypeError:
        raise _NoValueError from None


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)):
        raise _NoValueError
    return value
