"""Operators: the pieces of work that a layer graph is made of, one file a kind.

A new kind is one new file here: a subclass of OperatorKind with a name and a reach of its own.
"""

from __future__ import annotations

from accelsim.inputs.plugins import Registry
from accelsim.model.operators.add import ADD as ADD
from accelsim.model.operators.attention_context import ATTENTION_CONTEXT as ATTENTION_CONTEXT
from accelsim.model.operators.attention_scores import ATTENTION_SCORES as ATTENTION_SCORES
from accelsim.model.operators.base import Operator as Operator
from accelsim.model.operators.base import OperatorKind as OperatorKind
from accelsim.model.operators.base import Reach as Reach
from accelsim.model.operators.base import Recipe as Recipe
from accelsim.model.operators.base import StateAccess as StateAccess
from accelsim.model.operators.entropy import ENTROPY as ENTROPY
from accelsim.model.operators.gather import GATHER as GATHER
from accelsim.model.operators.gelu import GELU as GELU
from accelsim.model.operators.layer_norm import LAYER_NORM as LAYER_NORM
from accelsim.model.operators.matmul import MATMUL as MATMUL
from accelsim.model.operators.multiply import MULTIPLY as MULTIPLY
from accelsim.model.operators.relu import RELU as RELU
from accelsim.model.operators.rms_norm import RMS_NORM as RMS_NORM
from accelsim.model.operators.silu import SILU as SILU
from accelsim.model.operators.softmax import SOFTMAX as SOFTMAX
from accelsim.model.operators.tanh import TANH as TANH

OPERATOR_KINDS = Registry(__name__, OperatorKind, "accelsim.operators", "operator kind")


def find_kind(name: str) -> OperatorKind:
    """Return the kind of a name. Raises ConfigError, with a suggestion, for an unknown one."""
    return OPERATOR_KINDS.find(name)()


def all_kinds() -> tuple[OperatorKind, ...]:
    """Return all kinds: those that travel with accelsim, installed ones and plug-ins."""
    return tuple(kind() for kind in OPERATOR_KINDS.all().values())
