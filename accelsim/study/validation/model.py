"""Model structure against Hugging Face, bounds that theory gives, and the paper's headline."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from math import fsum
from pathlib import Path
from typing import Any

from accelsim.accelerators.edgebert.parts import parts_of
from accelsim.account.scopes import SCOPES
from accelsim.evaluation.cases import CaseResult
from accelsim.evaluation.comparison import KINDS, find_gains
from accelsim.evaluation.stages import run_workload
from accelsim.inputs.document import parse_document
from accelsim.inputs.shipped import shipped_file
from accelsim.machine.components.dram import DramConfig
from accelsim.memory.dram import load_dram
from accelsim.model.adaptations import find_adaptation
from accelsim.model.families import find_model
from accelsim.model.families.vision import Vision
from accelsim.model.graph import LayerGraph
from accelsim.model.importers.huggingface import hyperparameters_of
from accelsim.model.tensors import Role
from accelsim.study.validation.check import Check, read_reference, read_rows
from accelsim.units import to_seconds
from accelsim.workload.schema import load_workload

MAIN_WORKLOAD = shipped_file("workloads/mti_mnli_mrpc_qnli.yaml")


def model_checks(folder: Path) -> Iterator[Check]:
    """Compare parameters module by module, and multiply-accumulates."""
    data = json.loads(read_reference(folder, "huggingface_parameters.json"))
    versions = data["versions"]
    source = f"transformers {versions['transformers']}, {data['date']}"
    for size, known in data["models"].items():
        graph = find_model(size).build(sequence_length=128, classes=2)
        for module, count in known["modules"].items():
            ours = graph.parameter_count(module=module)
            yield Check("model", f"{size} {module}", "parameters", count, ours, 0.0, source)
        total = graph.parameter_count() - graph.parameter_count(module="classifier")
        yield Check("model", f"{size} in all", "parameters", known["total"], total, 0.0, source)
    yield from _family_checks(folder)
    yield from _adaptation_checks(folder)
    for row in read_rows(folder, "torch_macs.csv"):
        tokens = int(row["sequence_length"])
        graph = find_model(row["model"]).build(sequence_length=tokens, classes=2)
        ours = graph.macs - graph["classifier"].macs
        quantity = f"{row['model']}, {tokens} tokens"
        source = "torch flop counter"
        yield Check("model", quantity, "MACs", float(row["macs"]), ours, 0.0, source)


def alike_modules(graph: LayerGraph) -> Counter[tuple[str, int]]:
    """Return how many modules have a name, without the numbers of layers, and a size."""
    modules = Counter[str]()
    for parameter in graph.parameters:
        modules[parameter.module] += parameter.elements
    return Counter((re.sub(r"(?<=\.)\d+(?=\.|$)", "*", m), n) for m, n in modules.items())


def as_counted(name: str) -> LayerGraph:
    """Return the graph of a preset, or of a configuration as JSON, as the libraries build it.

    Batch norms are apart.
    """
    keys: dict[str, Any] = {"name": name}
    if name.startswith("{"):
        keys = hyperparameters_of(json.loads(name), Path("config.json"))
    model = find_model(**keys)
    if isinstance(model, Vision):
        model = find_model(**keys, batch_norm="separate")
    graph: LayerGraph = model.build(sequence_length=min(8, model.longest), classes=2)
    return graph


def _family_checks(folder: Path) -> Iterator[Check]:
    """Compare modules and multiply-accumulates of other families with the library's models."""
    source = "transformers and torch, tests/reference/make_families.py"
    known: dict[str, Counter[tuple[str, int]]] = {}
    for row in read_rows(folder, "family_parameters.csv"):
        if row["model"] not in known:
            known[row["model"]] = alike_modules(as_counted(row["model"]))
        count = int(row["parameters"])
        copies = known[row["model"]][row["module"], count]
        quantity = f"{row['model']} {row['module']}"
        there = int(row["copies"]) * count
        yield Check("model", quantity, "parameters", there, copies * count, 0.0, source)
    for row in read_rows(folder, "family_macs.csv"):
        tokens = int(row["sequence_length"])
        ours = find_model(row["model"]).build(sequence_length=tokens, classes=2).macs
        quantity = f"{row['model']}, {tokens} tokens"
        yield Check("model", quantity, "MACs", float(row["macs"]), ours, 0.0, source)


def _adaptation_checks(folder: Path) -> Iterator[Check]:
    """Compare what is trained for a task with what the libraries train, heads left out."""
    graphs: dict[str, LayerGraph] = {}
    path = folder / "adaptation_parameters.csv"
    for row in read_rows(folder, path.name):
        if row["model"] not in graphs:
            graphs[row["model"]] = as_counted(row["model"])
        graph = graphs[row["model"]]
        keys = parse_document(row["adaptation"], path).data
        adapted = find_adaptation(**keys).apply(graph)
        ours = adapted.parameter_count(Role.TASK) - graph.parameter_count(Role.TASK)
        name = json.loads(row["model"])["model_type"] if row["model"][0] == "{" else row["model"]
        quantity, there = f"{name} {row['adaptation']}", float(row["parameters"])
        yield Check("model", quantity, "parameters", there, ours, 0.0, row["source"])


def theory_checks() -> Iterator[Check]:
    """Nothing is faster than its block allows: busy time over the least time that theory gives."""
    results = run_workload(load_workload(MAIN_WORKLOAD))
    for name, result in results.cases.items():
        for quantity, least, busy in _bounds(result):
            ok = 0.0 if busy >= least else 1.0
            text = f"{name}: {quantity} below its bound"
            yield Check("theory", text, "runs", 0.0, ok, 0.0, f"at least {least:.4g} s")


def _bounds(result: CaseResult) -> Iterator[tuple[str, float, float]]:
    ledger, hardware = result.run.ledger, result.case.hardware
    makespan = to_seconds(result.run.makespan)
    rate, parts = hardware.clock.frequency, parts_of(hardware)
    macs = ledger.amount("pe_array", "mac")
    size = parts.pe_array.vector_size
    yield "PE array", macs / (size**2 * rate), _busy(result, "pe_array")
    moved = ledger.amount("bus", "transfer")
    yield "bus", moved / (parts.bus.width / 8 * rate), _busy(result, "bus")
    elements = sum(n for key, n in ledger.amounts.items() if key.block == "sfu")
    yield "special functions", elements / (size * rate), _busy(result, "sfu")
    if isinstance(hardware.dram, DramConfig):
        peak = load_dram(hardware.dram.technology).peak_bandwidth * hardware.dram.devices
        yield "DRAM", ledger.amount("dram", "read") / peak, _busy(result, "dram")
    yield "sum of all busy times", makespan, fsum(map(to_seconds, ledger.busy.values()))
    for memory in hardware.memories:
        words = ledger.amount(memory, "read") + ledger.amount(memory, "write")
        yield memory, words / rate, _busy(result, memory)
    for port in ledger.busy:
        yield f"makespan over {port}", _busy(result, port), makespan


def _busy(result: CaseResult, port: str) -> float:
    return to_seconds(result.run.ledger.busy[port])


_GRADES = ("low", "typical", "high")


def headline_checks() -> Iterator[Check]:
    """Report the paper's gains beside ours, for three grades of the technology. No verdict."""
    for grade in _GRADES:
        workload = load_workload(MAIN_WORKLOAD, (f"hardware.process.grade={grade}",))
        published = workload.config.published
        if published is None:
            return
        for comparison in find_gains(run_workload(workload)):
            found = {(gain.metric, gain.scope): gain.value for gain in comparison.gains}
            for metric in KINDS:
                paper = getattr(published, metric)
                for scope in SCOPES:
                    value = found.get((metric, scope))
                    if paper and value is not None:
                        text = f"{comparison.design} {metric}, {scope}, {grade}"
                        yield Check("headline", text, "x", paper, value, None, published.source)
