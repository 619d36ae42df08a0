"""results.json: everything a run found, with units in the names and what it was made from.

The file holds no time of day: the same input gives the same file. It has no rows for requests or
executions, so it stays as small for 100,000 requests as for ten.

Version 2: ``requests`` says where the requests came from. Of each case, ``programs`` (count and
seconds by kind and task) takes the place of the list of all executions; ``service``, ``purposes``
and ``lifetime`` are new; ``leakage_J`` is by state of the chip, then block; ``ledger`` has an
operating point in each row; ``mapping`` is a list, with the sequence lengths that have it.
``per_round_J`` is for rounds of a closed loop alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from accelsim.account.choices import mapping_choices
from accelsim.account.lifetime import REQUIRED_YEARS, RegionLifetime
from accelsim.account.memories import unused_memories
from accelsim.account.metrics import DesignFigures
from accelsim.account.purposes import day_factor, energy_per_inference, mean_power
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.comparison import find_gains
from accelsim.evaluation.fitting import told
from accelsim.evaluation.result import Result
from accelsim.inputs.shipped import known_as
from accelsim.report.memories import LIFETIME, MEMORY
from accelsim.report.origin import origin
from accelsim.report.table import recorded
from accelsim.units import to_seconds
from accelsim.workload.schema import Workload

SCHEMA_VERSION = 2


def results_document(result: Result, command: Sequence[str]) -> dict[str, Any]:
    """Return the content of results.json."""
    workload = result.workload
    published = workload.config.published
    head = origin(SCHEMA_VERSION, command, workload)
    return {
        **head,
        "workload": head["workload"]
        | {
            "seeds": _seeds(workload),
            "configuration": workload.config.model_dump(mode="json"),
        },
        "requests": _requests(result),
        "files": dict(sorted((known_as(path), digest) for path, digest in result.files.items())),
        "published": published.model_dump(mode="json") if published else None,
        "comparisons": [
            {
                "design": comparison.design,
                "baseline": comparison.baseline,
                "gains": [
                    {"scope": gain.scope, "metric": gain.metric, "gain": gain.value}
                    for gain in comparison.gains
                ],
            }
            for comparison in find_gains(result)
        ],
        **(
            {"refused": {name: str(why) for name, why in result.refused.items()}}
            if result.refused
            else {}
        ),
        "cases": {
            name: _case(found, closed=result.closed_loop) for name, found in result.cases.items()
        },
    }


def _seeds(workload: Workload) -> dict[str, int]:
    """Return the seeds by the key path of what they are for."""
    config = workload.config
    sections = {
        "requests": config.requests,
        "early_exit": config.early_exit,
        **{f"cases.{name}.early_exit": case.early_exit for name, case in config.cases.items()},
    }
    return {path: s.seed for path, s in sections.items() if s is not None and hasattr(s, "seed")}


def _requests(result: Result) -> dict[str, Any]:
    """Return the origin of the requests: their pattern and, of a trace, its file."""
    workload = result.workload
    pattern = workload.config.requests
    found: dict[str, Any] = {
        "pattern": pattern.pattern,
        "closed_loop": pattern.closed_loop,
        "count": max((len(case.run.requests) for case in result.cases.values()), default=0),
    }
    horizon = pattern.horizon()
    found["horizon_s"] = None if horizon is None else to_seconds(horizon)
    if path := pattern.trace(workload.path.parent):
        found |= {"notes": result.request_notes} if result.request_notes else {}
        found |= {"file": path.name, "digest": hashlib.sha256(path.read_bytes()).hexdigest()}
    return found


def _case(result: CaseResult, *, closed: bool) -> dict[str, Any]:
    run, case, hardware = result.run, result.case, result.case.hardware
    return {
        "machine": hardware.name,
        "machine_digest": result.case.digest,
        "machine_configuration": hardware.model_dump(mode="json"),
        **({"sized_to_fit": told(hardware, case.fits)} if case.fits else {}),
        "adaptation": result.case.config.adaptation.model_dump(mode="json"),
        **({"models": models} if (models := result.design.models) else {}),
        "weights": result.design.weights or "none: densities as stated",
        "memories": [recorded(MEMORY, one) for one in result.footprints.values()],
        "unused_memories": [
            {"name": one.name, "area_mm2": 1e6 * one.area, "leakage_mW": 1e3 * one.leakage}
            for one in unused_memories(result.design, run)
        ],
        "array_warnings": result.array_warnings,
        "mapping": [asdict(one) for one in mapping_choices(result.design)],
        "time": _time(result),
        "programs": _programs(result),
        "service": _service(result),
        "energy": _energy(result, closed=closed),
        "purposes": _purposes(result),
        "lifetime": [_lifetime(one) for one in result.lifetimes.values()],
        "programming_once": {
            name: {
                "words": cost.words,
                "cells": cost.cells,
                "seconds": cost.seconds,
                "joules": cost.joules,
                "endurance_writes": cost.endurance,
            }
            for name, cost in result.programming.items()
        },
        "area_mm2": {block: 1e6 * area for block, area in result.figures.prices.areas.items()},
        "scopes": _scopes(result.figures),
        "simulation": {
            "events": run.event_count,
            "segments_simulated": run.simulated,
            "segments_replayed": run.replayed,
            "ledger_digest": run.ledger.digest(),
        },
        "peak_bytes": dict(sorted(run.ledger.peak.items())),
        "busy_s": {port: to_seconds(ticks) for port, ticks in run.ledger.busy.items()},
        "residency_s": {
            f"{domain}.{state}": to_seconds(ticks)
            for domain, state, ticks in run.ledger.residency()
        },
        "clocks": _clock_rows(result),
        "ledger": _ledger_rows(result),
        "sources": result.figures.prices.sources,
    }


def _time(result: CaseResult) -> dict[str, Any]:
    figures, run = result.figures, result.run
    return {
        "makespan_s": to_seconds(run.makespan),
        "rounds": figures.rounds,
        **({"first_loads": figures.first_loads} if figures.first_loads else {}),
        "mean_switch_s": figures.switch_latency,
        "mean_inference_s": figures.inference_latency,
    }


def _programs(result: CaseResult) -> list[dict[str, Any]]:
    return [
        {"kind": kind.value, "task": task, "count": total.count, "time_s": to_seconds(total.ticks)}
        for (kind, task), total in result.run.totals.items()
    ]


def _service(result: CaseResult) -> dict[str, Any]:
    return {
        task: {_SERVICE_UNITS.get(name, name): value for name, value in asdict(found).items()}
        for task, found in result.statistics.items()
    }


_SERVICE_UNITS = {
    "waiting": "waiting_s",
    "service": "service_s",
    "latency": "latency_s",
    "throughput": "throughput_Hz",
}


def _energy(result: CaseResult, *, closed: bool) -> dict[str, Any]:
    figures = result.figures
    account = figures.account
    return {
        "total_J": account.total,
        **({"per_round_J": figures.parts} if closed else {}),
        "leakage_J": account.leakage_by_state,
        "clock_J": account.clock_by_state,
        "dram_standby_J": account.standby,
    }


def _purposes(result: CaseResult) -> dict[str, Any]:
    """Return the energy of the run by purpose, and what makes a day of it."""
    run, account = result.run, result.figures.account
    return {
        "run_J": result.purposes,
        "request_J": energy_per_inference(run, account),
        "day_J": account.total * day_factor(run),
        "runs_per_day": day_factor(run),
        "mean_power_W": mean_power(run, account),
    }


def _lifetime(one: RegionLifetime) -> dict[str, Any]:
    """Return the wear of a memory; null where nothing wears."""
    return recorded(LIFETIME, one) | {
        "endurance_writes": dict(one.endurance),
        "required_years": REQUIRED_YEARS,
        "lasts": one.lasts(),
    }


def _scopes(figures: DesignFigures) -> dict[str, Any]:
    return {
        scope: {
            "per": found.per,
            "energy_J": found.energy,
            "latency_s": found.latency,
            "area_mm2": None if found.area is None else 1e6 * found.area,
        }
        for scope, found in figures.scopes.items()
    }


def _clock_rows(result: CaseResult) -> list[dict[str, Any]]:
    """Return for how many cycles each clock ran in each state of the chip."""
    periods = result.figures.prices.supplies.periods
    return [
        {**clock._asdict(), "state": str(clock.state), "cycles": ticks / periods[clock.state.point]}
        for clock, ticks in result.run.ledger.clocks.items()
    ]


def _ledger_rows(result: CaseResult) -> list[dict[str, Any]]:
    dynamic = result.figures.account.dynamic
    return [
        {**key._asdict(), "amount": amount, "energy_J": dynamic[key]}
        for key, amount in sorted(result.run.ledger.amounts.items())
    ]
