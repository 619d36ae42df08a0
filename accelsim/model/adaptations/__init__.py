"""Adaptations of a pretrained model to tasks, one file each.

A new adaptation is one new file here: a subclass of Adaptation with a ``method`` of its own.
"""

from __future__ import annotations

from typing import Annotated, Any

from accelsim.inputs.choices import Choice
from accelsim.inputs.plugins import Registry
from accelsim.model.adaptations.base import Adaptation as Adaptation

ADAPTATIONS = Registry(__name__, Adaptation, "accelsim.adaptations", "adaptation", key="method")
_ADAPTATION = Choice(ADAPTATIONS)
AdaptationConfig = Annotated[Adaptation, _ADAPTATION]


def find_adaptation(method: str, **keys: Any) -> Adaptation:
    """Return the adaptation of a method. Raises ConfigError for what is wrong with its keys."""
    return _ADAPTATION.make(method=method, **keys)
