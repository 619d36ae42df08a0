"""Makes searches.json: what SALib and Optuna answer to accelsim's questions.

Needs both (pip install 'accelsim[salib,optuna]'). Run

    PYTHONPATH=. python tests/reference/make_searches.py

SALib's designs are rounded to eight digits, and analysed as they then are, with the values that
Ishigami's function has there. Optuna searches a space of 48 points whose objectives are formulas
over its axes, so that no figure of a model has a part in it. What was asked, suggested and told is
written down in order.
"""

from __future__ import annotations

import importlib
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path += [str(HERE.parent), str(HERE.parent / "study")]

from searched import ISHIGAMI_SEED, PLACES, SEARCH, dropped, ishigami, searched_study  # noqa: E402

from accelsim.study import search as searching  # noqa: E402
from accelsim.study.store import IN_MEMORY, Store  # noqa: E402
from accelsim.study.sweep.run import Evaluation  # noqa: E402
from accelsim.study.uncertainty import sensitivity as sensing  # noqa: E402


def plain(value: Any) -> Any:
    """Return numbers and lists for JSON."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def asked_of_salib(method: str) -> dict[str, Any]:
    """Return the design of a method and its analysis of Ishigami's function, whole and in part."""
    real, said = sensing._salib, dict[str, Any](answers=[])

    def recorder(name: str, quantities: int) -> tuple[Any, Any, Any]:
        problem, sample, analyze = real(name, quantities)

        def recorded_sample(problem: Any, count: int, **options: Any) -> Any:
            said["asked"] = [count, options]
            found = np.round(sample.sample(problem, count, **options), 8)
            said["places"] = plain(found)
            return found

        def recorded_analyze(problem: Any, *given: Any, **options: Any) -> Any:
            found = analyze.analyze(problem, *given, **options)
            named = {key: plain(np.asarray(each, float)) for key, each in found.items()
                     if key not in ("names",)}  # fmt: skip
            given_as = [plain(np.asarray(each)) for each in given]
            said["answers"].append({"options": options, "given": given_as, "found": named})
            return found

        class Sample:
            sample = staticmethod(recorded_sample)

        class Analyze:
            analyze = staticmethod(recorded_analyze)

        return problem, Sample, Analyze

    sensing._salib = recorder
    try:
        make = {"morris": sensing.morris_design, "sobol": sensing.sobol_design}[method]
        design = make(3, PLACES[method], ISHIGAMI_SEED)
        for kept in (slice(None), dropped(design)):
            places = design.places[kept]
            design.effects(places, ishigami(places))
    finally:
        sensing._salib = real
    return said


def asked_of_optuna(sampler: str) -> dict[str, Any]:
    """Return a whole search, trial by trial."""
    real, said, trials = importlib.import_module("optuna"), dict[str, Any](), list[Any]()
    real.logging.set_verbosity(real.logging.ERROR)

    class Trial:
        def __init__(self, own: Any, queued: bool) -> None:
            self.own, self.said = own, {"queued": queued, "suggested": {}}
            trials.append(self.said)

        def _kept(self, name: str, value: Any, *space: Any) -> Any:
            self.said["suggested"][name] = [value, *space]
            return value

        def suggest_float(self, name: str, *space: Any) -> Any:
            return self._kept(name, self.own.suggest_float(name, *space), *space)

        def suggest_int(self, name: str, *space: Any) -> Any:
            return self._kept(name, self.own.suggest_int(name, *space), *space)

        def suggest_categorical(self, name: str, *space: Any) -> Any:
            return self._kept(name, self.own.suggest_categorical(name, *space), *space)

        def set_user_attr(self, name: str, value: Any) -> None:
            self.own.set_user_attr(name, value)

    class Trials:
        def __init__(self, own: Any) -> None:
            self.own, self.queued = own, 0

        def enqueue_trial(self, places: Any) -> None:
            self.queued += 1
            self.own.enqueue_trial(places)

        def ask(self) -> Trial:
            queued, self.queued = self.queued > 0, max(0, self.queued - 1)
            return Trial(self.own.ask(), queued)

        def tell(self, trial: Trial, values: Any = None, state: Any = None) -> None:
            self.own.tell(trial.own, values, state=state)
            own = None if values is None else list(values)
            trial.said["told"] = [own, None if state is None else state.name,
                                  dict(trial.own.user_attrs)]  # fmt: skip

    class Samplers:
        def __getattr__(self, name: str) -> Any:
            def make(**options: Any) -> Any:
                told = {key: each for key, each in options.items() if key != "constraints_func"}
                said["sampler"] = [name, told]
                return getattr(real.samplers, name)(**options)

            return make

    class Optuna:
        samplers, trial = Samplers(), real.trial

        @staticmethod
        def create_study(directions: list[str], sampler: Any) -> Trials:
            said["directions"] = directions
            return Trials(real.create_study(directions=directions, sampler=sampler))

    searching._optuna = lambda: Optuna  # type: ignore[assignment]
    search = searching.Search(**SEARCH, sampler=sampler)
    found = searching.search_study(searched_study(), Store(IN_MEMORY), Evaluation(0), search)
    asked = [list(row.point.values.values()) for row in found.table]
    return {**said, "asked": asked, "trials": trials}


def main() -> None:
    """Write the file."""
    found: dict[str, Any] = {
        "script": "tests/reference/make_searches.py",
        "versions": {name: version(name) for name in ("SALib", "optuna")},
    }
    found |= {method: asked_of_salib(method) for method in PLACES}
    found |= {sampler: asked_of_optuna(sampler) for sampler in ("nsga2", "tpe")}
    lines = (f" {json.dumps(key)}: {json.dumps(each)}" for key, each in found.items())
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (HERE / "searches.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
