"""Places operators of what nodes of ONNX make: names, layers, parameters with their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from accelsim.errors import ConfigError
from accelsim.model import operators
from accelsim.model.builder import GraphBuilder
from accelsim.model.importers.onnx.attention import LEAST_SEEN, Scores, is_mask
from accelsim.model.importers.onnx.parts import Affine, Headed, Input, Made, Product
from accelsim.model.importers.onnx.values import Constant, UnsupportedError
from accelsim.model.operators import OperatorKind, Window
from accelsim.model.operators.attention_scores import UNSCALED
from accelsim.model.operators.epsilon import form_of
from accelsim.model.tensors import Parameter, Role

# Names that an exporter made up; the node's own says more.
_NO_NAME = re.compile(r"onnx::.*|\d+|val_\d+|_val_\d+")

Rounding = Callable[[Any], Any]


class Placer:
    """Puts the graph together. ``values`` are the parameters, ``outside`` what operators take from
    outside the graph, ``state`` what was kept, all by name; ``readers`` counts the nodes that
    read a name. ``rounded`` is what integer formats do to what an operator makes, and ``read_as``
    to what a product reads.
    """

    def __init__(self, opset: int, readers: Mapping[str, int]) -> None:
        self.opset, self.readers = opset, readers
        self.builder = GraphBuilder(1)
        self.values: dict[str, Constant] = {}
        self.outside: dict[str, list[Any]] = {}
        self.state: dict[str, Any] = {}
        self.rounded: dict[str, Rounding] = {}
        self.read_as: dict[str, Rounding] = {}
        self._parameters: dict[str, Parameter] = {}
        self._alike: dict[tuple[Any, ...], list[Parameter]] = {}
        self._layer, self._count = -1, 0

    # -- parameters ----------------------------------------------------------------------------

    def parameter(self, given: Constant, role: Role = Role.BACKBONE, name: str = "") -> Parameter:
        """Return the one parameter of these values, whatever the file calls them."""
        key = self._fingerprint(given)
        for known in self._alike.get(key, []) if key else []:
            if np.array_equal(self.values[known.name].value, given.value):
                return known
        own = wanted = name if name and _NO_NAME.fullmatch(given.name) else given.name
        number = 1
        while own in self._parameters:
            known = self._parameters[own]
            if known.shape == given.shape and np.array_equal(self.values[own].value, given.value):
                return known
            own, number = f"{wanted}.{number}", number + 1
        self._parameters[own] = made = Parameter(own, given.shape, role)
        self.values[own] = given
        if key:
            self._alike.setdefault(key, []).append(made)
        return made

    def _fingerprint(self, given: Constant) -> tuple[Any, ...] | None:
        """Return some of the values of a matrix; what has one value alone is like many others."""
        if len(given.shape) != 2 or given.elements < 2:
            return None
        some = given.value[:: max(1, given.shape[0] // 8), :: max(1, given.shape[1] // 8)]
        return None if (some == some[0, 0]).all() else (given.shape, some.tobytes())

    # -- operators -----------------------------------------------------------------------------

    def place(
        self,
        kind: OperatorKind,
        sources: Sequence[Made],
        /,
        *,
        name: str = "",
        layer: bool = False,
        outside: Sequence[Any] = (),
        **sizes: Any,
    ) -> str:
        """Place an operator, called after its kind unless told, with what it takes from outside.

        Those that gather pixels or normalise rows begin a ``layer``.
        """
        name, names = name or kind.name, [each.place(self) for each in sources]
        if layer:
            self._layer, self._count = self._layer + 1, 0
        part = max(0, self._layer)
        self.builder.enter("layer", part, layer=part)
        self._count += 1
        # What stands before the first layer has names of the first.
        while f"layer.{part}.{name}{self._count}" in self.outside:
            self._count += 1
        given = [each for each in names if each]
        if not given and sources:
            sizes = {"rows": sources[0].rows, "columns": sources[0].width, **sizes}
        if given and len(given) < len(names):
            given = [n or self._brought(each) for each, n in zip(sources, names, strict=True)]
        if len(set(given)) < len(given):
            raise UnsupportedError("it combines an activation with itself")
        made = self.builder.place(f"{name}{self._count}", kind, *given, **sizes)
        arrays = [each.array for each in sources if isinstance(each, Input)]
        self.outside[made] = [*([] if given else arrays), *outside]
        return made

    def _brought(self, source: Made) -> str:
        """Return what brings an input of the graph to operators that combine it with others."""
        assert isinstance(source, Input)
        sizes: dict[str, Any] = {"rows": source.rows, "columns": source.width, "name": "input"}
        source.name = source.name or self.place(operators.TAKE, [], outside=[source.array], **sizes)
        return source.name

    def function(
        self,
        kind: OperatorKind,
        source: Made,
        vectors: Sequence[Constant | None] = (),
        form: str = "",
    ) -> str:
        """Place a function of one input, or a norm of heads as wide as its vectors."""
        if isinstance(source, Scores):
            raise UnsupportedError(f"{kind.name} of scores of an attention")
        own, layer = (
            tuple(self.parameter(e) for e in vectors if e),
            kind in (operators.LAYER_NORM, operators.RMS_NORM),
        )
        return self.place(kind, [source], layer=layer, parameters=own, form=form)

    def combined(self, how: str, sources: Sequence[Made]) -> str:
        """Place a sum, or the products of two."""
        kind = operators.MULTIPLY if how == "Mul" else operators.ADD
        row = kind is operators.MULTIPLY and len({each.rows for each in sources}) > 1
        if row:
            sources = sorted(sources, key=lambda each: -each.rows)
        return self.place(kind, sources, form="row" if row else "")

    def product(self, product: Product) -> str:
        """Place a product with weights, or a convolution."""
        source, window = product.source.made, product.window
        prefix = product.weight.module
        own = [self.parameter(product.weight, name=prefix and f"{prefix}.weight")]
        if product.bias:
            own.append(self.parameter(product.bias, name=prefix and f"{prefix}.bias"))
        outputs, depth = product.weight.shape
        sizes: dict[str, Any] = {"rows": product.rows, "columns": outputs, "depth": depth}
        sizes |= {"batch": 1, "parameters": tuple(own), "form": product.form}
        if window is None:
            made = self.place(operators.MATMUL, [source], **sizes)
        else:
            sizes |= {"window": window, "groups": product.groups}
            made = self.place(operators.CONVOLUTION, [source], layer=True, **sizes)
        if product.source.rounding:
            self.read_as[made] = product.source.rounding
        return made

    def note_rounding(self, name: str, rounding: Rounding | None) -> None:
        """Note what an integer format does to what an operator makes."""
        if name and rounding:
            self.rounded[name] = rounding

    def affine(self, affine: Affine) -> str:
        """Place a norm, or what scales and shifts."""
        inner, scale, shift = affine.inner, affine.scale, affine.shift
        norm = inner.norm(self)
        if norm and scale and (shift is None or norm[0] is operators.LAYER_NORM):
            whole = norm[2].inner if isinstance(norm[2], Headed) else norm[2]
            return self.function(norm[0], whole, (scale, shift), norm[1])
        form = "" if scale and shift else "scale" if scale else "shift"
        return self.function(operators.AFFINE, inner, (scale, shift), form)

    def scalars(self, source: Made, factor: float, shift: float, name: str) -> str | None:
        """Place what multiplies all elements by one number, and adds another, where it does."""
        told = (("scale", factor, 1.0), ("shift", shift, 0.0))
        some = {each: number for each, number, usual in told if number != usual}
        if not some:
            return source.place(self)
        form = "" if len(some) == 2 else next(iter(some))
        return self.function(operators.AFFINE, source, _numbers(name, **some), form)

    def clipped(self, source: Made, low: float, high: float, name: str) -> str:
        """Place what keeps elements between two numbers."""
        return self.function(operators.CLIP, source, _numbers(name, low=low, high=high))

    def norm_form(self, kind: OperatorKind, epsilon: float) -> str:
        """Return the form of an epsilon."""
        try:
            return form_of(float(f"{epsilon:.3g}"), kind)
        except ValueError as error:
            raise UnsupportedError(f"epsilon: {error}") from None

    def look_up(self, table: Constant, numbers: Any) -> str:
        """Place the look-up of rows."""
        most, columns = table.shape
        if (numbers >= most).any() or (numbers < -most).any():
            raise UnsupportedError(f"it looks up what a table of {most} rows does not have")
        own = (self.parameter(table, Role.EMBEDDING),)
        sizes = {"rows": numbers.size, "columns": columns, "depth": 1}
        return self.place(
            operators.GATHER, [], parameters=own, outside=[numbers.reshape(1, -1)], **sizes
        )

    def cache(self, source: Made, kept: int, array: Any) -> str:
        """Place what puts rows behind those that were kept."""
        made = self.place(operators.KV_CACHE, [source], rows=source.rows, kept=kept)
        self.state[made] = array
        return made

    def prepend(self, first: Constant, source: Made) -> str:
        """Place learned rows before others."""
        rows, own = source.rows + first.elements // source.width, (self.parameter(first),)
        moved = Window((source.rows, 1), (1, 1))
        return self.place(operators.PREPEND, [source], rows=rows, window=moved, parameters=own)

    def attention(self, scores: Scores, value: Made, rounding: Rounding | None) -> str:
        """Place scores, softmax and context of an attention; of probabilities that are rounded."""
        heads, query, groups = scores.heads, scores.query, scores.groups
        width = query.width // heads
        scaled = abs(scores.scale * width**0.5 - 1) <= 1e-3
        if not scaled and abs(scores.scale - 1) > 1e-3:
            raise UnsupportedError(
                f"scores of heads of {width} are scaled by {scores.scale:.4g}, expected "
                f"{width**-0.5:.4g} or 1"
            )
        value.place(self)
        sizes: dict[str, Any] = {"columns": scores.key.rows, "depth": width, "batch": heads}
        sizes |= {"groups": groups, "form": "" if scaled else UNSCALED}
        made = self.place(operators.ATTENTION_SCORES, [query, scores.key], name="scores", **sizes)
        self.note_rounding(made, scores.rounding)
        placed = _named(scores, made)
        for bias in scores.biases:
            own = (self.parameter(bias),)
            placed = _named(scores, self.place(operators.SCORE_BIAS, [placed], parameters=own))
        seen = [self._visible(mask, scores) for mask in scores.masks]
        soft = self.place(operators.SOFTMAX, [placed], masked=bool(scores.masks), outside=seen)
        self.note_rounding(soft, rounding)
        probabilities = _named(scores, soft)
        width = value.width * groups // heads
        sizes = {"rows": query.rows, "columns": width, "depth": value.rows, "groups": groups}
        return self.place(
            operators.ATTENTION_CONTEXT, [probabilities, value], name="context", **sizes
        )

    def _visible(self, mask: Constant, scores: Scores) -> Any:
        """Return (heads, rows, columns) of what is seen: masks are added, or say it."""
        values = np.asarray(mask.value)
        seen = values if values.dtype == bool else values > LEAST_SEEN
        if not is_mask(values):
            raise UnsupportedError("it adds values of its own to the scores of an attention")
        shape = (scores.heads, scores.query.rows, scores.key.rows)
        return np.broadcast_to(seen, (1, *shape))[0]


def _numbers(name: str, **told: float) -> list[Constant]:
    """Return parameters of one number each, called after what they belong to."""
    return [
        Constant(f"{name}.{each}", (1,), partial(np.full, 1, number, np.float32))
        for each, number in told.items()
    ]


def _named(like: Made, name: str) -> Made:
    """Return what an operator of a name made."""
    return Made(like.rows, like.width, lambda _: name)


def checked(values: Mapping[str, Constant], path: Any) -> dict[str, Any]:
    """Return the parameters of a file as float32. Raises ConfigError for data that is damaged."""
    try:
        return {name: np.asarray(each.value, np.float32) for name, each in values.items()}
    except (ValueError, OSError, TypeError) as error:
        raise ConfigError(f"{path}: its data cannot be read: {error}") from None
