"""Mutants of a source text: one operator, bound, branch or constant that is another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_OTHER = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
_DECLARATIONS = {"Field", "TypeVar", "cast", "isinstance", "lru_cache"}
_TYPES = {"Annotated", "Literal"}
_WORDS = {"format", "join", "warn"}


@dataclass(frozen=True)
class Mutant:
    """A replacement of the bytes from start to end of a file; lines count from 1."""

    file: str
    first_line: int
    last_line: int
    start: int
    end: int
    old: str
    new: str

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.new.encode() + source[self.end :]


def mutants(file: str, source: bytes) -> list[Mutant]:
    """List the mutants of a file, in the order of its syntax tree."""
    tree = ast.parse(source)
    starts = [0]
    for line in source.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)

    def span(node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            starts[node.lineno - 1] + node.col_offset,
            starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(node: ast.expr | ast.stmt) -> str:
        start, end = span(node)
        return source[start:end].decode()

    silent = {
        id(part) for node in ast.walk(tree) for root in _words(node) for part in ast.walk(root)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in silent or not isinstance(node, (ast.expr, ast.stmt)):
            continue
        for place, new in _replacements(node, text):
            last = place.end_lineno or place.lineno
            found.append(Mutant(file, place.lineno, last, *span(place), text(place), new))
    return found


def _words(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts that only say something: messages, imports, annotations, decorators."""
    if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)):
        yield node
    elif isinstance(node, ast.AnnAssign):
        yield node.annotation
    elif isinstance(node, ast.Subscript) and getattr(node.value, "id", None) in _TYPES:
        yield node
    elif isinstance(node, ast.FunctionDef):
        yield from node.decorator_list
        yield from filter(None, [node.returns])
        yield from (a.annotation for a in [*node.args.args, *node.args.kwonlyargs] if a.annotation)
    elif isinstance(node, ast.Call):
        name = getattr(node.func, "id", None) in _DECLARATIONS
        if name or getattr(node.func, "attr", None) in _WORDS:
            yield node


def _replacements(node, text) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in _OTHER:
            yield node, f"({text(node.left)} {_OTHER[type(op)]} {text(node.comparators[0])})"
        case ast.BinOp():
            for new in _arithmetic(node.op, f"({text(node.left)})", f"({text(node.right)})"):
                yield node, new
        case ast.Call(func=ast.Name(id="max" | "min" as name), args=[first, _, *_]):
            yield node, {"max": "min", "min": "max"}[name] + text(node)[3:]
            yield node, f"({text(first)})"
        case ast.BoolOp():
            word = " or " if isinstance(node.op, ast.And) else " and "
            yield node, f"({word.join(f'({text(value)})' for value in node.values)})"
        case ast.UnaryOp(op=ast.Not()):
            yield node, f"bool({text(node.operand)})"
        case ast.IfExp():
            yield node, f"({text(node.orelse)} if {text(node.test)} else {text(node.body)})"
        case ast.Constant(value=int() as number) if number and type(number) is int:
            yield node, f"{number + 1}"
        case ast.AugAssign():
            yield node, "pass"
        case ast.If(body=body) if not isinstance(body[0], ast.Raise):
            yield node.test, f"(not ({text(node.test)}))"


def _arithmetic(op: ast.operator, left: str, right: str) -> tuple[str, ...]:
    if '"' in left[:2] or '"' in right[:2]:
        return ()
    match op:
        case ast.Add():
            return f"({left} - {right})", left, right
        case ast.Sub():
            return (f"({left} + {right})",)
        case ast.Mult():
            return left, right
        case ast.Div():
            return (f"({left} * {right})",)
        case ast.FloorDiv():
            return (f"(-(-{left} // {right}))",)
        case ast.Pow():
            return (left,)
    return ()
