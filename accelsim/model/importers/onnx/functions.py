"""Functions of one value that nodes spell out, told by what they make of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.model import operators
from accelsim.model.importers.onnx.parts import Headed, Look, Made, Product, Value, samples
from accelsim.model.importers.onnx.values import Constant, UnsupportedError, work_out
from accelsim.model.operators import Operator, OperatorKind
from accelsim.model.tensors import Parameter, Role

if TYPE_CHECKING:
    from accelsim.model.importers.onnx.placer import Placer

_SMOOTH = (operators.SILU, operators.GELU, operators.ELU, operators.SOFTPLUS, operators.SOFTMAX)
_BENT = (operators.RELU, operators.LEAKY_RELU)
_CURVES = (operators.TANH, operators.SIGMOID, *_BENT, *_SMOOTH)
_NORMS = (operators.LAYER_NORM, operators.RMS_NORM)
# Of the greatest value of a row; constants of float16 are 1e-4 beside the ones that are meant.
_TOLERANCE = 2e-4
_ROUNDING = 2e-6  # of the greatest value, where float32 is multiplied and added a few times


class Function(Made):
    """A function of one value: ``node`` of ``operands``, of which ``probe`` is what it makes.

    ``given`` are all that the node reads, constants among them; ``alone`` says that nothing else
    reads what it is made of, and ``how`` is what it does to rows where the node says it of axes.
    """

    def __init__(
        self,
        node: Any,
        operands: Sequence[Value],
        root: Made,
        probe: Any,
        given: Sequence[Constant | Value] = (),
        *,
        alone: bool = False,
        how: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(root.rows, root.width)
        self.node, self.operands, self.root, self._probe = node, tuple(operands), root, probe
        self.given, self.how = tuple(given), how
        inner = (each.made for each in operands if each.made is not root)
        self.alone: bool = alone and all(
            isinstance(each, Function) and each.alone for each in inner
        )

    def of_heads(self, placer: Placer, width: int) -> Function:
        """Return the same function of heads of so many columns."""
        given = [
            replace(each, made=of_heads(placer, each.made, width))
            if isinstance(each, Value)
            else each
            for each in self.given
        ]
        if not given or self.how or any(each.statistic for each in self.operands):
            raise UnsupportedError("a norm of heads of what is worked out of whole rows", self.node)
        values = [each for each in given if isinstance(each, Value)]
        probe = work_out(self.node, probes(given), placer.opset)[0]
        return Function(self.node, values, values[0].made.root, probe, given)

    @property
    def factor(self) -> float | None:
        """By what it multiplies, None if it does anything else."""
        sample = samples(self.width)
        factor = float(np.ravel(self._probe)[0] / np.ravel(sample)[0])
        return factor if _error(self._probe, sample * np.float32(factor)) <= _TOLERANCE else None

    @property
    def line(self) -> tuple[float, float] | None:
        """The factor and the shift of all elements that it is, None if it does anything else."""
        sample, made = samples(self.width).astype(np.float64), np.asarray(self._probe)
        if made.shape != sample.shape:
            return None
        low, high = np.argmin(sample), np.argmax(sample)
        (x0, y0), (x1, y1) = ((sample.flat[at], float(made.flat[at])) for at in (low, high))
        factor = (y1 - y0) / (x1 - x0)
        factor = 1.0 if abs(factor - 1) < _ROUNDING else factor
        shift = y0 - factor * x0
        shift = shift if abs(shift) > _ROUNDING * abs(factor) else 0.0
        wanted = (sample * factor + shift).astype(np.float32)
        size = np.abs(wanted).max() + 1e-30
        return (factor, shift) if np.abs(made - wanted).max() / size <= _ROUNDING else None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Between which two numbers it keeps elements, None if it does anything else."""
        ends = float(np.min(self._probe)), float(np.max(self._probe))
        kept = np.array_equal(self._probe, samples(self.width).clip(*ends))
        return ends if kept else None

    def norm(self, placer: Placer) -> tuple[OperatorKind, str, Made] | None:
        """Return the norm that it is, without scale and shift, of its root or a function of it."""
        for again in (self, *(again for _, again in self._rooted(placer))):
            if found := again._nearest(_NORMS):
                return (*found, again.root)
        return None

    def _rooted(self, placer: Placer) -> Iterator[tuple[Function, Function]]:
        """Yield what it consists of, the nearest to the root first, and itself as its function."""
        for inner in self._inner():
            again = self._over(inner, Made(self.rows, self.width, inner.place), placer)
            if again:
                yield inner, again

    def _split(self, placer: Placer) -> Function | None:
        """Return it as a curve, or a line, of a function that it consists of; best of a curve."""
        pairs = list(self._rooted(placer))
        lines = [(inner, again) for inner, again in pairs if again.line]
        curves = [again for _, again in pairs if again._nearest(_CURVES)]
        curves += [again for inner, again in lines if inner._is_curve(placer)]
        return next(iter([*curves, *(again for _, again in lines[::-1])]), None)

    def _is_curve(self, placer: Placer) -> bool:
        every = (self, *(again for _, again in self._rooted(placer)))
        return any(each._nearest(_CURVES) for each in every)

    def _nearest(self, kinds: Sequence[OperatorKind]) -> tuple[OperatorKind, str] | None:
        """Return the kind and form that makes the same of samples, None if none does."""
        forms = [(kind, form) for kind in kinds for form in sorted(kind.forms)]
        errors = [_error(self._probe, _computed(*each, self.width)) for each in forms]
        least = min(errors)
        return forms[errors.index(least)] if least <= _TOLERANCE else None

    def made(self, placer: Placer) -> str | None:
        """Place the function that it is, or the sum or product of what it consists of."""
        found = self._nearest(_CURVES)
        if found:
            return placer.function(found[0], self.root, form=found[1])
        if isinstance(self.root, (Look, Product)) and self.alone and self.factor is not None:
            scaled = self.root.scaled(self.factor, placer.readers)
            if scaled:
                return scaled.place(placer)
        norm = self.norm(placer)
        if norm and not isinstance(self.root, Headed):
            return placer.function(norm[0], norm[2], form=norm[1])
        split = self._split(placer)
        if split:
            return split.made(placer)
        if self.line and not isinstance(self.root, Headed):
            return placer.scalars(self.root, *self.line, str(self.node.output[0]))
        if self.bounds:
            return placer.clipped(self.root, *self.bounds, str(self.node.output[0]))
        both = [each.made for each in self.operands]
        if self.node.op_type in ("Add", "Mul", "Sum") and len(set(both)) == len(both) > 1:
            return placer.combined(self.node.op_type, both)
        raise UnsupportedError(
            "no operator kind computes the function that ends here"
            if both[0] is not self.root or len(both) > 1
            else "no operator kind computes it",
            self.node,
        )

    def _inner(self) -> list[Function]:
        """Return the functions that it consists of."""
        found: list[Function] = []
        for each in self.operands:
            if isinstance(each.made, Function) and each.made not in found:
                found += [one for one in (*each.made._inner(), each.made) if one not in found]
        return found

    def _over(self, inner: Function, root: Made, placer: Placer) -> Function | None:
        """Return it as a function of an inner one, ``root``; None where it reads more than that."""
        given: list[Any] = []
        for each in self.given:
            if isinstance(each, Constant):
                given.append(each)
                continue
            made, again = each.made, root if each.made is inner else None
            if again is None and isinstance(made, Function):
                again = made._over(inner, root, placer)
            if again is None:
                return None
            given.append(replace(each, made=again))
        values = [each for each in given if isinstance(each, Value)]
        if not values:
            return None
        seen = probes(given)
        probe = self.how(*seen) if self.how else work_out(self.node, seen, placer.opset)[0]
        return Function(self.node, values, root, probe, given, how=self.how)


def of_heads(placer: Placer, made: Made, width: int) -> Made:
    """Return what is worked out of elements as a function of heads of so many columns."""
    return made.of_heads(placer, width) if isinstance(made, Function) else made.headed(width)


def probes(given: Sequence[Constant | Value]) -> list[Any]:
    """Return samples of what a node reads."""
    return [
        each.value.reshape(()) if isinstance(each, Constant) else each.made.probe for each in given
    ]


@lru_cache(maxsize=256)
def _computed(kind: OperatorKind, form: str, width: int) -> Any:
    """Return what a kind makes of the samples; norms without scale and shift."""
    sample = samples(width)
    shape = (kind.vector_width(width),)
    vectors = tuple(Parameter(f"p{n}", shape, Role.BACKBONE) for n in range(kind.vectors))
    operator = Operator("probe", kind, len(sample), width, width, parameters=vectors, form=form)
    given = [np.full(shape, n in kind.ones, np.float32) for n in range(kind.vectors)]
    with np.errstate(all="ignore"):
        return kind.compute(operator, [sample], given, {})


def _error(value: Any, wanted: Any) -> float:
    """Return how far two results differ at most, of the greatest value of a row."""
    if np.shape(value) != wanted.shape or np.asarray(value).dtype.kind != "f":
        return float("inf")
    size = np.abs(wanted).max(axis=-1, keepdims=True) + 1e-30
    error = float((np.abs(value - wanted) / size).max())
    return error if error == error else float("inf")


def is_identity(value: Any, width: int) -> bool:
    """Say whether a function gives what it takes."""
    return _error(value, samples(width)) == 0
