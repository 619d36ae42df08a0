"""Puts a layer graph together, operator by operator."""

from __future__ import annotations

from typing import Any

from accelsim.model import operators
from accelsim.model.graph import LayerGraph
from accelsim.model.operators import Operator, OperatorKind, Window
from accelsim.model.operators.activations import activation
from accelsim.model.operators.attention_scores import CAUSAL
from accelsim.model.operators.epsilon import form_of
from accelsim.model.tensors import Parameter, Role, Shape

# What stands before the labels of the work on a token that is generated behind others.
DECODE = "decode."


class GraphBuilder:
    """Collects operators and their edges; every method returns the name of what it placed last.

    ``sequence_length`` is in tokens. Where a number of ``kept`` tokens is given, attentions keep
    keys and values of all tokens, of a sliding ``window`` those of so many; those that were kept
    are read. In a pass that several ``requests`` share the tokens are one of each.
    """

    def __init__(
        self,
        sequence_length: int,
        kept: int | None = None,
        window: int | None = None,
        requests: int = 1,
    ) -> None:
        self.sequence_length = sequence_length
        self.requests = requests
        self._kept = kept
        self._window = window
        self._layer: int | None = None
        self._prefix = self._label = ""
        self._operators: dict[str, Operator] = {}
        self._edges: list[tuple[str, str]] = []
        self._parameters: dict[str, Parameter] = {}

    def build(self) -> LayerGraph:
        """Return the graph. Raises ConfigError as LayerGraph does."""
        return LayerGraph(
            self._operators.values(), self._edges, sequence_length=self.sequence_length
        )

    def enter(self, part: str = "", number: int | None = None, *, layer: int | None = None) -> None:
        """Put ``part`` before the names and labels of the next operators, and them into a layer.

        Of parts that do the same work each has a ``number``, which stands in names alone.
        """
        self._prefix = f"{part}." if part else ""
        decodes = self._kept and self.sequence_length == self.requests
        self._label = f"{DECODE}{self._prefix}" if decodes else self._prefix
        self._prefix += "" if number is None else f"{number}."
        self._layer = layer

    def width(self, name: str) -> int:
        """Return the columns of a row of what was placed."""
        return self._operators[name].seen[1]

    def parameter(self, name: str, shape: Shape, role: Role) -> Parameter:
        """Return the one parameter of a name: operators that share it hold the same object."""
        if name not in self._parameters:
            self._parameters[name] = Parameter(name, shape, role)
        return self._parameters[name]

    def place(self, name: str, kind: OperatorKind, *sources: str, **sizes: Any) -> str:
        """Place an operator, shaped like its first source where ``sizes`` do not say otherwise."""
        full = self._prefix + name
        if sources:
            first = self._operators[sources[0]]
            batch, columns = first.seen
            sizes = {"rows": first.rows, "columns": columns, "batch": batch, **sizes}
        sizes = {"depth": sizes["columns"], "layer": self._layer, **sizes}
        self._operators[full] = Operator(full, kind, label=self._label + name, **sizes)
        self._edges += [(source, full) for source in sources]
        return full

    def function(self, named: str, source: str, name: str = "{}") -> str:
        """Place an activation function that configurations call so; {} in its name is its kind."""
        kind, form = activation(named)
        return self.place(name.format(kind), kind, source, form=form)

    def gather(
        self,
        name: str,
        table: str,
        shape: tuple[int, int],
        role: Role,
        kind: OperatorKind = operators.GATHER,
        rows: int = 1,
    ) -> str:
        """Place the look-up of so many ``rows`` of a table of (entries, width) for every token."""
        weight = self.parameter(f"{table}.weight", shape, role)
        sizes = {"rows": self.sequence_length, "columns": rows * shape[1], "depth": 1}
        return self.place(name, kind, **sizes, parameters=(weight,))

    def linear(
        self,
        name: str,
        module: str,
        source: str,
        shape: tuple[int, int],
        role: Role = Role.BACKBONE,
        *,
        bias: bool = True,
        used: tuple[int, int] | None = None,
        **sizes: Any,
    ) -> str:
        """Place a product with a weight of (outputs, inputs), of which ``used`` may be a part."""
        weights = [self.parameter(f"{module}.weight", shape, role)]
        if bias:
            weights.append(self.parameter(f"{module}.bias", shape[:1], role))
        columns, depth = used or shape
        sizes = {"columns": columns, "depth": depth, "batch": 1, **sizes}
        partial = (columns, depth) != shape
        return self.place(
            name, operators.MATMUL, source, parameters=tuple(weights), partial=partial, **sizes
        )

    def part(
        self,
        name: str,
        module: str,
        source: str,
        shape: tuple[int, int],
        role: Role,
        *,
        bias: bool = True,
        runs: int = 1,
    ) -> str:
        """Place a product whose weights are rows of the one matrix of a module, in ``runs``."""
        parameters = tuple(
            Parameter(f"{module}.{name}.{vector}", each, role, module, runs=runs)
            for vector, each in (("weight", shape), ("bias", shape[:1]))[: 1 + bias]
        )
        sizes = {"columns": shape[0], "depth": shape[1]}
        return self.place(name, operators.MATMUL, source, **sizes, parameters=parameters)

    def convolution(
        self,
        name: str,
        module: str,
        source: str | None,
        shape: tuple[int, int],
        window: Window,
        *,
        bias: bool,
        groups: int = 1,
    ) -> str:
        """Place a convolution of (outputs, inputs) channels; ``source`` None is the input."""
        outputs, depth = shape[0], shape[1] // groups * window.taps
        weights = [self.parameter(f"{module}.weight", (outputs, depth), Role.BACKBONE)]
        if bias:
            weights.append(self.parameter(f"{module}.bias", (outputs,), Role.BACKBONE))
        sources = () if source is None else (source,)
        sizes = {"rows": window.rows, "columns": outputs, "depth": depth, "groups": groups}
        own = {"parameters": tuple(weights), "window": window}
        return self.place(name, operators.CONVOLUTION, *sources, **sizes, **own)

    def pool(self, name: str, kind: OperatorKind, source: str, window: Window) -> str:
        """Place a pooling."""
        return self.place(name, kind, source, rows=window.rows, window=window)

    def norm(
        self,
        name: str,
        module: str,
        source: str,
        role: Role,
        kind: OperatorKind = operators.LAYER_NORM,
        vectors: tuple[str, ...] = ("weight", "bias"),
        epsilon: float | None = None,
        width: int | None = None,
    ) -> str:
        """Place a norm of every row, or of every ``width`` columns of it.

        Its parameters are vectors as long as what is normalised; ``epsilon`` is what it adds to a
        variance, the kind's own unless given.
        """
        form = "" if epsilon is None else form_of(epsilon, kind)
        row = (width or self.width(source),)
        parameters = tuple(self.parameter(f"{module}.{each}", row, role) for each in vectors)
        return self.place(name, kind, source, parameters=parameters, form=form)

    def attention(
        self,
        query: str,
        key: str,
        value: str,
        heads: int,
        *,
        masked: bool = False,
        causal: bool = False,
        groups: int = 1,
    ) -> str:
        """Place scores, softmax and context of heads, of which so many ``groups`` share keys.

        Of a ``causal`` attention no token sees those behind it.
        """
        if self._kept is not None:
            kept = self._keep("key_cache", key), self._keep("value_cache", value)
            # A prompt reads what it has just made.
            key, value = kept if self._kept else (key, value)
        rows, width = (self._operators[key].seen_rows, self._operators[query].columns // heads)
        sizes = {"columns": rows, "depth": width, "batch": heads, "groups": groups}
        # Requests that share a pass have keys of their own, and of a window that is shorter than
        # what is computed at a time not all keys are kept.
        ordered = self.requests == 1 and rows >= self._operators[query].rows
        form = CAUSAL if causal and ordered else ""
        scores = self.place("scores", operators.ATTENTION_SCORES, query, key, **sizes, form=form)
        softmax = self.place("softmax", operators.SOFTMAX, scores, masked=masked or causal)
        width = self._operators[value].columns * groups // heads
        context = {"columns": width, "depth": rows, "groups": groups}
        return self.place("context", operators.ATTENTION_CONTEXT, softmax, value, **context)

    def _keep(self, name: str, source: str) -> str:
        """Place the cache of what is kept for later tokens."""
        rows, kept = self._operators[source].rows // self.requests, self._kept or 0
        if self._window is not None:
            rows = min(rows, self._window)
            kept = min(kept, self._window - rows)
        return self.place(
            name, operators.KV_CACHE, source, rows=rows, kept=kept, batch=self.requests
        )
