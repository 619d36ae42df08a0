"""The schema of a workload: ``workloads/*.yaml``. Which tasks run, in which cases, how often.

A case is a machine and a model with its adaptation and storage. A case with a ``baseline`` is
compared with that other case.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from pydantic import model_validator

from accelsim.accelerators import machine_of
from accelsim.errors import ConfigError
from accelsim.inputs.document import Document, KeyPath, Override, parse_override
from accelsim.inputs.files import digests, is_file, one_reading, read_bytes, watching
from accelsim.inputs.memo import Memo
from accelsim.inputs.paths import format_path, suggest
from accelsim.inputs.plugin_key import KEY, read_with_plugins
from accelsim.inputs.plugins import Plugin, loaded_plugins
from accelsim.inputs.shipped import find_beside, find_input
from accelsim.inputs.validation import RuleError, override, validate
from accelsim.machine.files import known_files, merged
from accelsim.machine.fit import Fit, check_fits, take_fits
from accelsim.machine.schema import HardwareConfig, resolved
from accelsim.memory.storage import Measured
from accelsim.workload.cases import CaseConfig
from accelsim.workload.imported import with_adapters, with_model
from accelsim.workload.request_rules import check_requests
from accelsim.workload.rules import broken_rules, wrong_models
from accelsim.workload.sections import WorkloadSections


class WorkloadConfig(WorkloadSections):
    """One workload. Results go to a folder of its ``name``.

    ``models`` takes the place of ``model`` where there are several on one chip, each a network of
    its own; tasks name theirs. ``sequence_length`` is in tokens; a model of pictures has none, and
    a request is a picture.
    ``pad_to`` is the ``sequence_length`` or a number whose multiples sentences are padded to.
    With ``generate`` a decoder answers with tokens, and sentences are prompts.
    ``attention_spans`` give each head of a task its span in tokens; heads of span 0 are off.
    """

    @model_validator(mode="after")
    def _check_cases(self) -> WorkloadConfig:
        if wrong := list(wrong_models(self)) or list(broken_rules(self)):
            raise RuleError(*wrong)
        return self


@dataclass(frozen=True)
class Case:
    """A case with its machine.

    ``source`` is the data of the machine's files, overrides applied. ``measured`` takes the place
    of the stated densities, and of the case's weights if it has any. ``fits`` are sizes of the
    machine that are worked out from what it must hold, by path.
    """

    name: str
    config: CaseConfig
    hardware: HardwareConfig
    source: Any
    measured: Measured | None = None
    fits: Mapping[KeyPath, Fit] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """A name of what the machine was made from."""
        return _digest([self.source])


@dataclass(frozen=True)
class Workload:
    """A workload with the machines of its cases.

    ``source`` is the data of its file, overrides applied; ``trace`` a digest of its request file.
    ``plugins`` are all that were loaded when it was read: those of the files and others. ``files``
    are those that were read, by path, with their digests.
    """

    config: WorkloadConfig
    cases: Mapping[str, Case]
    path: Path
    overrides: tuple[str, ...]
    plugins: tuple[Plugin, ...] = ()
    source: Any = None
    trace: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """A name of all that the workload was made from."""
        inputs = [self.source, *(case.digest for case in self.cases.values())]
        inputs += [self.trace] if self.trace else []
        return _digest([*inputs, *(plugin.digest for plugin in self.plugins)])

    def with_machine(self, case: str, machine: HardwareConfig) -> Workload:
        """Return the workload with another machine for a case."""
        if case not in self.cases:
            raise ConfigError(f"there is no case '{case}'; {suggest(case, self.cases, 'cases')}")
        changed = replace(self.cases[case], hardware=machine, source=machine.digest, fits={})
        return replace(self, cases={**self.cases, case: changed})


def load_workload(
    path: Path | str,
    overrides: tuple[str, ...] = (),
    *,
    cases: Iterable[str] | None = None,
    memo: Memo | None = None,
) -> Workload:
    """Return a workload with its machines.

    Overrides are ``path=value``: ``requests.rounds=5`` changes the workload,
    ``hardware.dram.devices=2`` every machine, and ``cases.adapter.hardware.dram.devices=2`` one.
    Of several cases only ``cases`` are kept, their machines alone are read. Raises ConfigError with
    one line for each problem.
    """
    with one_reading(), watching() as seen:
        found = _load_workload(find_input(Path(path)), overrides, cases, memo or Memo())
    return replace(found, files=digests(seen))


def _load_workload(
    found: Path, overrides: tuple[str, ...], cases: Iterable[str] | None, memo: Memo
) -> Workload:
    document = read_with_plugins(found, "workload")
    own, changes = _parse_overrides(overrides)
    _load_plugins_of_machines(document, own, memo)
    key = (found, read_bytes(found), own)
    document, config = memo.get("workload", key, lambda: _changed(document, own))
    for case, change in changes:
        if case is not None and case not in config.cases:
            hint = suggest(case, config.cases, "cases")
            raise ConfigError(f"{change.origin}: there is no case '{case}'; {hint}")
    wanted = {name: config.cases[name] for name in _chosen(config, cases)}
    machines = _load_cases(document, wanted, changes, memo)
    trace, file = None, config.requests.trace(found.parent)
    if file is not None:
        # What is wrong with the file is told when its requests are read.
        trace = hashlib.sha256(read_bytes(file)).hexdigest() if is_file(file) else None
    return Workload(config, machines, found, overrides, loaded_plugins(), document.data, trace)


def _load_plugins_of_machines(document: Document, changes: Iterable[Override], memo: Memo) -> None:
    """Load what machines add before the workload is checked, which may use it.

    What is wrong with a machine is told when it is read as the machine of a case.
    """
    with suppress(ConfigError):
        for change in changes:
            if change.path[0] == "cases":
                document = override(document, change, WorkloadConfig)
    cases, folder = document.data.get("cases"), document.path.parent
    each_case = cases.values() if isinstance(cases, dict) else ()
    named = (case.get("hardware") for case in each_case if isinstance(case, dict))
    names = tuple(dict.fromkeys(name for name in named if isinstance(name, str)))

    def load() -> bool:
        """Return whether there was anything to load."""
        files = list[Document]()
        for name in names:
            if is_file(path := find_beside(folder, name)):
                with suppress(ConfigError):
                    files += known_files(path, memo)
        return any(KEY in each.data for each in files)

    if memo.get("file", (folder, names), load):
        load()


def _changed(document: Document, changes: Iterable[Override]) -> tuple[Document, WorkloadConfig]:
    for change in changes:
        document = override(document, change, WorkloadConfig)
    document = with_adapters(with_model(document))
    config = validate(document, WorkloadConfig)
    check_requests(document, config)
    return document, config


def _chosen(config: WorkloadConfig, names: Iterable[str] | None) -> Iterable[str]:
    """Return the names of the cases to keep. Raises ConfigError for one that there is not."""
    if names is None:
        return config.cases
    for name in names:
        if name not in config.cases:
            hint = suggest(name, config.cases, "cases")
            raise ConfigError(f"there is no case '{name}'; {hint}")
    return names


_MACHINE_KEYS = HardwareConfig.model_fields.keys() - WorkloadConfig.model_fields.keys()
_Last = tuple[Any, HardwareConfig]
_Machine = tuple[HardwareConfig, Any, Mapping[KeyPath, Fit]]


def _load_cases(
    document: Document,
    wanted: Mapping[str, CaseConfig],
    changes: list[tuple[str | None, Override]],
    memo: Memo,
) -> dict[str, Case]:
    cases, problems = dict[str, Case](), list[str]()
    for name, case in wanted.items():
        mine = tuple(change for of, change in changes if of in (None, name))
        try:
            hardware, source, fits = _load_machine(name, case, document, mine, memo)
        except ConfigError as error:
            problems += str(error).split("\n")
        else:
            cases[name] = Case(name, case, hardware, source, fits=fits)
    if problems:
        # Machines with a common base have its problems in common.
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    return cases


def _load_machine(
    name: str, case: CaseConfig, document: Document, overrides: tuple[Override, ...], memo: Memo
) -> _Machine:
    """Return a machine, the data that it was made from, and what is to fit."""
    path = find_beside(document.path.parent, case.hardware)
    if not is_file(path):
        message = f"no such file '{path}'; the path is relative to the workload file"
        raise document.error(("cases", name, "hardware"), message)
    files = known_files(path, memo)
    key = tuple((file.path, read_bytes(file.path)) for file in files)

    def load() -> _Machine:
        document = memo.get("file", key, lambda: merged(files))
        for change in overrides:
            document = override(document, change, HardwareConfig)
        plain, fits = take_fits(document)
        machine = machine_of(plain, cast(_Last | None, memo.find("last", key)))
        memo.keep("last", key, (plain.data, machine))
        check_fits(document, machine, fits)
        return resolved(machine), document.data, fits

    return memo.get("machine", (key, overrides), load)


def _parse_overrides(
    assignments: tuple[str, ...],
) -> tuple[tuple[Override, ...], list[tuple[str | None, Override]]]:
    """Return what changes the workload, and what the machines: of a case, or with None of all."""
    own: list[Override] = []
    machines: list[tuple[str | None, Override]] = []
    for change in map(parse_override, assignments):
        path = change.path
        if path[0] == "hardware" and len(path) > 1:
            machines.append((None, replace(change, path=path[1:])))
        elif path[0] == "cases" and len(path) > 3 and path[2] == "hardware":
            machines.append((str(path[1]), replace(change, path=path[3:])))
        elif path[0] in CaseConfig.model_fields.keys() - WorkloadConfig.model_fields.keys():
            where = f"cases.NAME.{format_path(path)}"
            raise ConfigError(f"{change.origin}: {path[0]} is a case's own; set {where}")
        elif path[0] in _MACHINE_KEYS:
            where = format_path(("hardware", *path))
            raise ConfigError(f"{change.origin}: {path[0]} is a machine's own; set {where}")
        else:
            own.append(change)
    return tuple(own), machines


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
