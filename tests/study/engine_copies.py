"""Stand-ins for SALib and Optuna: they know one question each, and answer what those once said.

``tests/reference/make_searches.py`` writes down what was asked and answered. A question that
differs from it is an error, so that what accelsim asks of them, in which order, and what it makes
of the answers is tested without either. The answers themselves are tested beside them, by formula.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

FROZEN = Path(__file__).parents[1] / "reference" / "searches.json"


def frozen() -> dict[str, Any]:
    """Return what was written down."""
    found: dict[str, Any] = json.loads(FROZEN.read_text(encoding="utf-8"))
    return found


# -- SALib ---------------------------------------------------------------------------------------


def salib(method: str, quantities: int) -> tuple[Any, Any, Any]:
    """Return the problem, the sampler and the analyser of the frozen design of a method."""
    known = frozen()[method]
    assert quantities == len(known["places"][0])

    def sample(problem: Any, count: int, **options: Any) -> Any:
        assert [count, options] == known["asked"]
        return np.array(known["places"])

    def analyze(problem: Any, *given: Any, **options: Any) -> dict[str, Any]:
        answers = [one for one in known["answers"] if one["options"] == options]
        fitting = [
            one["found"]
            for one in answers
            if len(one["given"]) == len(given)
            and all(np.shape(a) == np.shape(b) for a, b in zip(one["given"], given, strict=True))
            and all(np.allclose(a, b, 1e-12) for a, b in zip(one["given"], given, strict=True))
        ]
        assert len(fitting) == 1, "SALib was not asked this"
        return {name: np.array(values) for name, values in fitting[0].items()}

    return {}, SimpleNamespace(sample=sample), SimpleNamespace(analyze=analyze)


# -- Optuna --------------------------------------------------------------------------------------


class Trial:
    """A trial that suggests what was suggested then, or what was put in the queue."""

    def __init__(self, number: int, said: dict[str, Any], queued: dict[str, Any] | None) -> None:
        self.number, self._said, self._queued = number, said, queued
        self.user_attrs: dict[str, Any] = {}
        assert (queued is not None) == said["queued"]

    def _suggest(self, name: str, *space: Any) -> Any:
        value, *asked = self._said["suggested"][name]
        assert asked == list(space)
        assert self._queued is None or self._queued[name] == value
        return value

    suggest_float = suggest_int = suggest_categorical = _suggest

    def set_user_attr(self, name: str, value: Any) -> None:
        """Keep an attribute."""
        self.user_attrs[name] = value


class Trials:
    """The study of Optuna that was written down."""

    def __init__(self, said: list[dict[str, Any]]) -> None:
        self.said, self.told, self._queue = said, 0, list[dict[str, Any]]()
        self._asked = 0

    def enqueue_trial(self, places: dict[str, Any]) -> None:
        """Ask this next."""
        self._queue.append(dict(places))

    def ask(self) -> Trial:
        """Return the next trial."""
        queued = self._queue.pop(0) if self._queue else None
        self._asked += 1
        return Trial(self._asked - 1, self.said[self._asked - 1], queued)

    def tell(self, trial: Trial, values: Any = None, state: Any = None) -> None:
        """Check that a trial came to what it came to then, in the same order."""
        assert trial.number == self.told
        self.told += 1
        known = self.said[trial.number]["told"]
        assert [None if values is None else list(values), state, trial.user_attrs] == known


def optuna(sampler: str) -> Any:
    """Return the part of Optuna that a search uses, of the frozen search by a sampler."""
    known = frozen()[sampler]

    def made(name: str) -> Any:
        def make(**options: Any) -> str:
            del options["constraints_func"]
            assert [name, options] == known["sampler"]
            return name

        return make

    def create_study(directions: list[str], sampler: str) -> Trials:
        assert directions == known["directions"]
        return Trials(known["trials"])

    return SimpleNamespace(
        samplers=SimpleNamespace(
            NSGAIISampler=made("NSGAIISampler"), TPESampler=made("TPESampler")
        ),
        create_study=create_study,
        trial=SimpleNamespace(TrialState=SimpleNamespace(FAIL="FAIL")),
    )
