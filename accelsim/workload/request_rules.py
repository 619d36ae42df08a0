"""What the requests of a workload depend on, and what of them does not fit it."""

from __future__ import annotations

from pathlib import Path

from accelsim.errors import ConfigError
from accelsim.inputs.document import Document
from accelsim.inputs.paths import KeyPath
from accelsim.policies.service import ServiceConfig
from accelsim.requests import RequestContext
from accelsim.workload.sections import WorkloadSections


def request_context(config: WorkloadSections, folder: Path) -> RequestContext:
    """Return what the requests of a workload in ``folder`` depend on."""
    return RequestContext(
        tasks=tuple(config.tasks),
        sequence_length=config.sequence_length,
        layers=max(model.layers for model in config.networks.values()),
        folder=folder,
    )


def check_requests(document: Document, config: WorkloadSections) -> None:
    """Refuse requests and exits that do not fit the workload's tasks and model."""
    context = request_context(config, document.path.parent)
    found = [(("requests", *path), text) for path, text in config.requests.problems(context)]
    sections: list[tuple[KeyPath, ServiceConfig]] = [((), config)]
    sections += [(("cases", name), config.service_of(case)) for name, case in config.cases.items()]
    for place, service in sections:
        if service.early_exit and (not place or service.early_exit is not config.early_exit):
            problems = service.early_exit.problems(config.tasks, config.depths)
            found += [((*place, "early_exit", *path), text) for path, text in problems]
    if found:
        raise ConfigError("\n".join(str(document.error(path, text)) for path, text in found))
