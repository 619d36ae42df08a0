"""The study of faults as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from accelsim.account.metrics import DesignFigures
from accelsim.machine.programming import ProgrammingCost
from accelsim.report.origin import origin
from accelsim.study.faults.damage import DamageSummary
from accelsim.study.faults.findings import exchanges, savings
from accelsim.study.faults.statistics import INTERVALS, Estimate
from accelsim.study.faults.study import FaultStudy, SchemeResult
from accelsim.study.faults.sweep import LEVEL, Sweep

# Of faults.json.
SCHEMA_VERSION = 1


def faults_document(study: FaultStudy, command: Sequence[str]) -> dict[str, Any]:
    """Return the outcome for JSON."""
    subject, options = study.subject, study.options
    return {
        **origin(SCHEMA_VERSION, command, subject.workload),
        "study": "faults",
        "case": subject.case.name,
        "task": subject.task,
        **({"model": subject.model} if subject.model else {}),
        "weights": subject.compressed.origin,
        "numbers": subject.numbers.kind,
        "sentences": subject.sentences.origin,
        "technology": subject.technology.name,
        "seeds": study.seeds,
        "resync": options.resync,
        "faults": options.faults.model_dump(mode="json"),
        "intervals": INTERVALS,
        "compression": asdict(study.compression),
        "accuracy_without_faults": study.accuracy,
        "schemes": [_scheme(result) for result in study.schemes],
        "exchanges": [asdict(exchange) for exchange in exchanges(study)],
        "savings": [asdict(saving) for saving in savings(study)],
        "sweep": _sweep(study.sweep) if study.sweep else None,
    }


def _scheme(result: SchemeResult) -> dict[str, Any]:
    costs = result.costs
    return {
        "scheme": asdict(result.scheme),
        "bits": costs.bits,
        "check_bits": costs.check_bits,
        "cells": dict(costs.cells),
        "capacity_B": dict(costs.capacities),
        "parameter_memory_area_mm2": None if costs.area is None else 1e6 * costs.area,
        "round": _round(costs.run) if costs.run else None,
        "programming": _writing(costs.programming),
        "programming_as_built": _writing(costs.written_as_built),
        "not_known": costs.missing,
        "estimates": list(costs.estimates),
        "warnings": list(costs.warnings),
        "cell_fault_probability": {
            str(bits): table.fault_probability() for bits, table in result.transitions.items()
        },
        "expected_faults": {
            "value_cells": result.expected.values,
            "mask_cells": result.expected.masks,
            "words_beyond_correction": result.expected.detected,
        },
        "damage": _damage(result.damage),
    }


def _round(run: DesignFigures) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in ("system", "memory"):
        scope = run.scopes[name]
        found |= {f"{name}_energy_J": scope.energy, f"{name}_latency_s": scope.latency}
    return {**found, "inference_latency_s": run.inference_latency}


def _writing(costs: Mapping[str, ProgrammingCost] | None) -> dict[str, Any] | None:
    return {name: _programming(cost) for name, cost in costs.items()} if costs else None


def _programming(cost: ProgrammingCost) -> dict[str, Any]:
    names = {"endurance": "endurance_writes"}
    return {names.get(k, k): value for k, value in asdict(cost).items() if k != "words"}


def _damage(damage: DamageSummary | None) -> dict[str, Any] | None:
    """Return the damage; None where nothing was injected."""
    if damage is None:
        return None
    return {
        "seeds_with_a_changed_weight": damage.harmed,
        "mean_faults": asdict(damage.faults),
        "weights_relative_rms": _estimate(damage.weights),
        "weights_largest_error": _estimate(damage.largest),
        "sign_flips_share": _estimate(damage.sign_flips),
        "layers_relative_error": [_estimate(layer) for layer in damage.layers],
        "logits_relative_error": _estimate(damage.logits),
        "agreement": _estimate(damage.agreement),
        "accuracy": _estimate(damage.accuracy) if damage.accuracy else None,
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}


def _sweep(sweep: Sweep) -> dict[str, Any]:
    return {
        "scheme": sweep.scheme.name,
        "sentences": sweep.sentences,
        "seeds": sweep.seeds,
        "logit_error_level": LEVEL,
        "row_counts_bits": sweep.resync_bits,
        "curves": [
            {
                "name": curve.name,
                "part": curve.part,
                "resync": curve.resync,
                "cells": curve.cells,
                "rate_at_level": curve.rate,
                "harm_per_cell_against_values": sweep.harm_per_cell(curve),
                "harm_per_fault_against_values": sweep.harm_per_fault(curve),
                "harm_of_one_against_values": sweep.harm_of_one(curve),
                "one_fault": _damage(curve.one),
                "points": [
                    {
                        "rate": point.rate,
                        "expected_faults": point.expected,
                        "damage": _damage(point.damage),
                    }
                    for point in curve.points
                ],
            }
            for curve in sweep.curves
        ],
    }
