"""What an operator is, and what its kind knows of it: all that is true on any machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

from accelsim.errors import ConfigError
from accelsim.inputs.contracts import Contract, NonNegativeInt, PositiveInt
from accelsim.inputs.plugins import Registry
from accelsim.model.operators.window import Window
from accelsim.model.tensors import Parameter, Shape, format_shapes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[np.float32]"
Arrays: TypeAlias = "Sequence[NDArray[Any]]"
Held: TypeAlias = "Mapping[str, Array]"


class Reach(StrEnum):
    """How much an output value needs: this decides what may be worked off piece by piece.

    ``ELEMENT``  the same element of every input
    ``ROW``      the whole row of its input
    ``MATRIX``   a row of the first operand and all of a matrix: a parameter, or a second input
    ``TABLE``    one row of a table, chosen by a number from outside the graph
    ``STATE``    the same row of its input, behind rows that were kept from earlier programs
    """

    ELEMENT = "element"
    ROW = "row"
    MATRIX = "matrix"
    TABLE = "table"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The work of a straightforward implementation that takes an operator row by row.

    ``sweeps`` is how often it goes over a row of each input, one after the other: a sum over the
    row must be complete before what depends on it. ``multiplications`` and ``additions`` are for
    each element over all sweeps; a comparison counts as an addition, and an exponential or another
    curve as one piecewise-linear step: a comparison, a multiplication and an addition.
    """

    sweeps: int
    multiplications: int
    additions: int

    def __post_init__(self) -> None:
        for name in ("sweeps", "multiplications", "additions"):
            if type(given := getattr(self, name)) is not int or given < 0:
                raise ValueError(
                    f"Recipe: {name}: expected a whole number of 0 or more, got {given!r}"
                )


@dataclass(frozen=True, slots=True)
class StateAccess:
    """A tensor that persists between programs, such as a cache: what one run of an operator does.

    ``shape`` is the whole tensor; ``read`` and ``written`` are in elements.
    """

    name: str
    shape: Shape
    read: int
    written: int


class OperatorKind(Contract, ABC):
    """What operators of one name compute, whatever the machine.

    A new kind is one new file here. There is one object of each class: ``Softmax() is Softmax()``.
    It prints its ``name``, which is also what ledgers call it. ``recipe`` is the work on a row,
    nothing where ``macs`` and look-ups say it all. ``operands`` are the inputs of one shape, and
    ``repeats`` says that more may follow, and ``one_turn`` that the recipe is for all of
    them; ``first_rows`` that an operator may read the first rows
    of a longer input; ``keeps_width`` that a row of the output is as long as one of the input;
    ``side_by_side`` that its inputs are ``parts`` of a row of the output;
    ``windowed`` that it reads a window of a picture; ``joins_heads`` that readers see the outputs
    of a batch side by side, as rows of one matrix.
    ``forms`` are the definitions of the function that an operator chooses from. ``vectors`` are
    the parameters as long as a row, or of one element for all columns (``vectors_of_one``);
    those at the positions ``ones`` begin as 1 rather than 0.
    ``taps`` are the elements that one element reads of inputs with rows of their own;
    ``epsilon`` is what a norm adds to a variance, unless its form is another.
    """

    name: ClassVar[str]
    reach: ClassVar[Reach]
    recipe: ClassVar[Recipe] = Recipe(0, 0, 0)
    operands: ClassVar[int] = 1
    repeats: ClassVar[bool] = False
    one_turn: ClassVar[bool] = False
    first_rows: ClassVar[bool] = False
    keeps_width: ClassVar[bool] = True
    side_by_side: ClassVar[bool] = False
    windowed: ClassVar[bool] = False
    joins_heads: ClassVar[bool] = False
    forms: ClassVar[frozenset[str]] = frozenset({""})
    vectors: ClassVar[int] = 0
    vectors_of_one: ClassVar[bool] = False
    ones: ClassVar[frozenset[int]] = frozenset()
    taps: ClassVar[int] = 1
    epsilon: ClassVar[float] = 0.0

    _object: ClassVar[Any]

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a kind that does not say what nobody can guess."""
        super().__init_subclass__(**options)
        for fact in ("name", "reach"):
            if not hasattr(cls, fact):
                raise TypeError(f"{cls.__name__}: give the operator kind its {fact}")
        missing = cls.reach in (Reach.ELEMENT, Reach.ROW) and cls.recipe is OperatorKind.recipe
        if missing or not isinstance(cls.recipe, Recipe):
            raise TypeError(f"{cls.__name__}: a kind of reach {cls.reach} needs a recipe")

    def __new__(cls) -> Self:
        """Return the one object of the class."""
        if "_object" not in vars(cls):
            cls._object = super().__new__(cls)
        found: Self = cls._object
        return found

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<operator kind {self.name}>"

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> tuple[object, ...]:
        return find_kind, (self.name,)

    def inputs(self, operator: Operator) -> tuple[Shape, ...]:
        """Return (rows, width over the whole batch) of each input, in order."""
        if self.windowed and operator.window:
            return ((operator.window.pixels, operator.columns),)
        if operator.sources:
            return operator.sources
        return ((operator.rows, operator.batch * operator.depth),) * self.operands

    def parameters(self, operator: Operator) -> tuple[tuple[Shape, ...], ...]:
        """Return the allowed lists of parameter shapes."""
        return (((self.vector_width(operator.columns),),) * self.vectors,)

    def vector_width(self, columns: int) -> PositiveInt:
        """Return how many elements each of the kind's vectors has."""
        return 1 if self.vectors_of_one else columns

    def used(self, operator: Operator) -> tuple[Shape, ...]:
        """Return the shape of what the operator uses of each of its parameters."""
        return tuple(parameter.shape for parameter in operator.parameters)

    def row_parameters(self, operator: Operator) -> NonNegativeInt:
        """Return the elements of parameters that a row of the output reads."""
        return sum(parameter.elements for parameter in operator.parameters)

    def turns(self, inputs: int) -> PositiveInt:
        """Return how often the recipe is gone through: each input beyond ``operands`` is one."""
        return 1 if self.one_turn else max(1, inputs - self.operands + 1)

    def state(self, operator: Operator) -> tuple[StateAccess, ...]:
        """Return what the operator reads and writes of tensors that persist between programs."""
        return ()

    def macs(self, operator: Operator) -> NonNegativeInt:
        """Return the multiply-accumulates of a matrix product; 0 for all that is none."""
        return operator.elements * operator.depth if self.reach is Reach.MATRIX else 0

    @abstractmethod
    def compute(self, operator: Operator, inputs: Arrays, parameters: Arrays, state: Held) -> Array:
        """Return the output, in NumPy and float32, of a batch of sentences.

        Activations have the sentences first: (sentences, rows, width), and (sentences, heads,
        rows, columns) between the scores and the context of an attention. Behind ``inputs()``,
        an operator finds in ``inputs`` what it takes from outside the graph. ``state`` are the
        tensors of ``state()`` by name, which are changed in place.
        """

    def check(self, operator: Operator) -> None:
        """Raise ConfigError, naming the operator, for what does not fit the kind."""
        if self.keeps_width and operator.depth != operator.columns:
            raise ConfigError(
                f"operator '{operator.name}': {self} keeps the width of its input, so depth "
                f"({operator.depth}) must equal columns ({operator.columns})"
            )
        if operator.partial:
            raise ConfigError(
                f"operator '{operator.name}': partial is for a matmul, not for {self}"
            )
        shapes = tuple(parameter.shape for parameter in operator.parameters)
        allowed = self.parameters(operator)
        if shapes not in allowed:
            raise ConfigError(
                f"operator '{operator.name}': {self} of {operator.columns} columns and depth "
                f"{operator.depth} has parameters {format_shapes(shapes)}, expected "
                f"{' or '.join(map(format_shapes, allowed))}"
            )


@dataclass(frozen=True, slots=True)
class Operator:
    """One piece of work: ``batch`` outputs of ``rows`` x ``columns``.

    A state has one batch entry for each request that shares a pass over the weights, and a reader
    of its rows sees that of its own request.

    A ``matmul`` is C[rows x columns] = A[rows x depth] W[columns x depth]^T + bias, with
    ``parameters`` = (W,) or (W, bias). Attention products have one batch entry for each head:
    scores are queries[rows x depth] keys[columns x depth]^T, context is
    probabilities[rows x depth] values[depth x columns]. ``depth`` is the width of one input row:
    equal to ``columns`` where the width is kept, 1 for a ``gather`` (the token's number).
    ``layer`` is the encoder layer, counted from 0, or None outside the layers. ``label`` is what
    ledgers call the operator, alike in all layers that do the same work; its name unless given.
    ``masked`` says that a softmax applies a mask, of padding or of attention spans. ``partial``
    says that a matmul uses only ``columns`` outputs and ``depth`` inputs of a larger weight matrix,
    because heads are switched off. ``form`` is one of the kind's ``forms``.
    ``groups`` says how many heads of an attention product share keys or values, or how many parts a
    convolution has that read channels of their own. ``window`` is where rows of pictures are read;
    ``depth`` of a convolution are the values that an output value reads. ``kept`` are the rows of a
    state that readers see before its own. ``parts`` are the columns of each input where they stand
    side by side, ``sources`` rows and columns of each where elements change their places.

    Raises ConfigError, naming the operator, for a size below 1 or what does not fit its kind.
    """

    name: str
    kind: OperatorKind
    rows: int
    columns: int
    depth: int
    batch: int = 1
    parameters: tuple[Parameter, ...] = ()
    layer: int | None = None
    masked: bool = False
    partial: bool = False
    form: str = ""
    label: str = ""
    groups: int = 1
    window: Window | None = None
    kept: int = 0
    parts: tuple[int, ...] = ()
    sources: tuple[Shape, ...] = ()

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.name)
        for size in ("rows", "columns", "depth", "batch", "groups"):
            value = getattr(self, size)
            if value < 1:
                raise ConfigError(f"operator '{self.name}': {size} is {value}, must be 1 or more")
        if self.form not in self.kind.forms:
            known = ", ".join(map(repr, sorted(self.kind.forms)))
            raise ConfigError(
                f"operator '{self.name}': {self.kind} has the forms {known}, got '{self.form}'"
            )
        self.kind.check(self)

    @property
    def shape(self) -> Shape:
        """Output shape: (rows, columns), or (batch, rows, columns) for more than one product."""
        matrix = (self.rows, self.columns)
        return matrix if self.batch == 1 else (self.batch, *matrix)

    @property
    def elements(self) -> int:
        """Number of output values."""
        return self.batch * self.rows * self.columns

    @property
    def seen(self) -> tuple[int, int]:
        """The batch and the columns that readers see."""
        if self.kind.reach is Reach.STATE:
            return 1, self.columns
        joined = (1, self.batch * self.columns)
        return joined if self.kind.joins_heads else (self.batch, self.columns)

    @property
    def seen_rows(self) -> int:
        """The rows that readers see."""
        return self.kept + self.rows

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a matrix product (bias not counted); 0 for all other kinds."""
        return self.kind.macs(self)

    @property
    def elsewhere(self) -> bool:
        """Whether an output row is made of other rows than the same one of the inputs."""
        return bool(self.window or self.sources)

    @property
    def worked_on(self) -> int:
        """Elements of one input that a function goes over; 0 for products and look-ups."""
        function = self.kind.reach in (Reach.ELEMENT, Reach.ROW)
        return self.batch * self.rows * self.depth if function else 0

    def turns(self, inputs: int) -> int:
        """Return how often the recipe is gone through; a window's pixels are inputs each."""
        taps = self.window is not None and self.kind.reach is Reach.ELEMENT
        return self.kind.turns(self.window.taps if self.window and taps else inputs)

    @property
    def used_shapes(self) -> tuple[Shape, ...]:
        """The shape of what is used of each parameter: all of it, but where ``partial``.

        Of an embedding table these are the rows that the tokens can ask for at most.
        """
        return self.kind.used(self)

    @property
    def rowwise(self) -> bool:
        """Whether an output row depends on the same row of its inputs only."""
        return self.kind.reach is not Reach.MATRIX or len(self.kind.inputs(self)) == 1


OPERATOR_KINDS = Registry(__package__, OperatorKind, "accelsim.operators", "operator kind")


def find_kind(name: str) -> OperatorKind:
    """Return the kind of a name. Raises ConfigError, with a suggestion, for an unknown one."""
    return OPERATOR_KINDS.find(name)()


def all_kinds() -> tuple[OperatorKind, ...]:
    """Return all kinds: those that travel with accelsim, installed ones and plug-ins."""
    return tuple(kind() for kind in OPERATOR_KINDS.all().values())
