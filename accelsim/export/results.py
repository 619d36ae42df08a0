"""results.json: everything a run found, with units in the names and what it was made from.

The file holds no time of day: the same input gives the same file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import accelsim
from accelsim.account.metrics import DesignFigures
from accelsim.config.workload import Workload
from accelsim.engine.ledger import Ledger
from accelsim.export.footprint import Footprint, footprints
from accelsim.memory.regions import regions
from accelsim.program import ProgramKind
from accelsim.study.cases import CaseResult, Comparison
from accelsim.units import to_seconds

SCHEMA_VERSION = 1


def results_document(
    workload: Workload,
    results: Mapping[str, CaseResult],
    comparisons: Sequence[Comparison],
    command: Sequence[str],
) -> dict[str, Any]:
    """Return the content of results.json."""
    published = workload.config.published
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "accelsim", "version": accelsim.__version__},
        "command": list(command),
        "workload": {
            "name": workload.config.name,
            "digest": workload.digest,
            "overrides": list(workload.overrides),
            "seeds": [],
            "configuration": workload.config.model_dump(mode="json"),
        },
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
            for comparison in comparisons
        ],
        "cases": {name: _case(result) for name, result in results.items()},
    }


def results_text(document: Mapping[str, Any]) -> str:
    """Return the text of results.json."""
    return json.dumps(document, indent=1) + "\n"


def ledger_digest(ledger: Ledger) -> str:
    """Return a digest of all that was counted: equal ledgers, equal digests."""
    content = [
        sorted((*key, amount) for key, amount in ledger.amounts.items()),
        sorted(ledger.busy.items()),
        sorted(ledger.idle.items()),
        sorted((*key, ticks) for key, ticks in ledger.residency.items()),
        sorted(ledger.peak.items()),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _case(result: CaseResult) -> dict[str, Any]:
    run, hardware = result.run, result.case.hardware
    return {
        "machine": hardware.name,
        "machine_digest": result.case.digest,
        "machine_configuration": hardware.model_dump(mode="json"),
        "adaptation": result.case.config.adaptation.model_dump(mode="json"),
        "memories": [_memory(footprint) for footprint in footprints(result.design)],
        "array_warnings": array_warnings(result),
        "mapping": {
            task: {"choices": list(made.choices), "spilled": list(made.spilled)}
            for task, made in result.design.inferences.items()
        },
        "time": _time(result),
        "energy": _energy(result.figures),
        "area_mm2": {block: 1e6 * area for block, area in result.figures.prices.areas.items()},
        "scopes": _scopes(result.figures),
        "simulation": {
            "events": run.event_count,
            "segments_simulated": run.simulated,
            "segments_replayed": run.replayed,
            "ledger_digest": ledger_digest(run.ledger),
        },
        "peak_bytes": dict(sorted(run.ledger.peak.items())),
        "busy_s": {port: to_seconds(ticks) for port, ticks in run.ledger.busy.items()},
        "residency_s": {
            f"{domain}.{state}": to_seconds(ticks)
            for (domain, state), ticks in run.ledger.residency.items()
        },
        "ledger": _ledger_rows(result),
        "sources": result.figures.prices.sources,
    }


def array_warnings(result: CaseResult) -> dict[str, list[str]]:
    """Return what the technology table has to say about the machine's arrays, by memory."""
    table = regions(result.case.hardware)
    return {name: list(r.array.warnings) for name, r in table.items() if r.array.warnings}


def _memory(footprint: Footprint) -> dict[str, Any]:
    array = footprint.region.array
    return {
        "name": footprint.region.name,
        "kind": footprint.region.kind,
        "technology": array.technology,
        "bits_per_cell": array.bits_per_cell,
        "node_nm": 1e9 * array.node,
        "roadmap": array.roadmap,
        "temperature_K": array.temperature,
        "target": array.target,
        "grade": array.grade,
        "word_b": int(8 * footprint.region.word_bytes),
        "banks": footprint.region.banks,
        "lanes": footprint.region.lanes,
        "capacity_B": footprint.region.capacity,
        "shared_b": footprint.shared_bits,
        "task_b": footprint.task_bits,
        "area_mm2": 1e6 * footprint.region.area,
        "read_latency_ns": 1e9 * array.read_latency,
        "write_latency_ns": 1e9 * array.write_latency,
        "read_energy_pJ": 1e12 * footprint.region.read_energy,
        "write_energy_pJ": 1e12 * footprint.region.write_energy,
        "leakage_mW": 1e3 * footprint.region.leakage,
        "interpolated": not array.exact,
    }


def _time(result: CaseResult) -> dict[str, Any]:
    figures, run = result.figures, result.run
    by_kind = {
        kind.value: [to_seconds(e.duration) for e in run.executions_of(kind)]
        for kind in ProgramKind
    }
    return {
        "makespan_s": to_seconds(run.makespan),
        "rounds": figures.rounds,
        "mean_switch_s": figures.switch_latency,
        "mean_inference_s": figures.inference_latency,
        "executions_s": by_kind,
    }


def _energy(figures: DesignFigures) -> dict[str, Any]:
    return {
        "total_J": figures.account.total,
        "per_round_J": figures.parts,
        "leakage_J": figures.account.leakage,
        "dram_standby_J": figures.account.standby,
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


def _ledger_rows(result: CaseResult) -> list[dict[str, Any]]:
    dynamic = result.figures.account.dynamic
    return [
        {**key._asdict(), "amount": amount, "energy_J": dynamic.get(key, 0.0)}
        for key, amount in sorted(result.run.ledger.amounts.items())
    ]
