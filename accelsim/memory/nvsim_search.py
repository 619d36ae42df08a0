"""The user's own NVSim: run for exactly the arrays that a machine needs, its answers kept.

    memories:
      rram: {technology: {nvsim: {program: nvsim/nvsim, cell: rram.cell}}, ...}

An answer is kept by the digests of program, configuration and cell, in ``$ACCELSIM_CACHE``, else
``$XDG_CACHE_HOME/accelsim``, else ``~/.cache/accelsim``.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen
from threading import Event, Timer
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Field, Tag

from accelsim.errors import ConfigError
from accelsim.inputs.files import read_bytes
from accelsim.inputs.progress import tell
from accelsim.inputs.quantities import Seconds
from accelsim.inputs.validation import ConfigModel
from accelsim.memory.tables import FIGURES, TARGETS, Conditions, Row
from accelsim.units import format_bytes

if TYPE_CHECKING:
    from accelsim.memory.imports.points import Point


class NvsimProgram(ConfigModel):
    """An NVSim (or NS-Cache) and the cell that it computes arrays of.

    ``program`` is a path, or a name on PATH. Lines of ``config``, a configuration of NVSim's, take
    the place of the usual ones, but for what the machine decides: capacity, word, target, node,
    roadmap, temperature and cell. ``jobs`` searches run at once, as many as there are cores unless
    told otherwise; one that takes longer than ``timeout`` is ended.
    """

    program: str
    cell: str
    config: str | None = None
    jobs: Annotated[int, Field(ge=1, le=256)] | None = None
    timeout: Annotated[Seconds, Field(gt=0)] = 600.0


class NvsimTechnology(ConfigModel):
    """A technology whose arrays the user's own NVSim computes."""

    nvsim: NvsimProgram

    def __str__(self) -> str:
        return f"nvsim of {self.nvsim.cell}"


_PROGRAM_FORMS = {dict: "program", NvsimTechnology: "program"}
Technology = Annotated[
    Annotated[str, Tag("name")] | Annotated[NvsimTechnology, Tag("program")],
    Discriminator(
        lambda given: "name" if isinstance(given, str) else _PROGRAM_FORMS.get(type(given)),
        custom_error_type="technology",
        custom_error_message=(
            "expected the name of a technology, the path of its file, or a program: "
            "{nvsim: {program: PATH, cell: FILE}}"
        ),
    ),
]
"""What a memory names as its technology: a name or path, or the program that computes it."""


@dataclass(frozen=True)
class Nvsim:
    """A program with its inputs as they are now: ``digest`` is that of the program."""

    settings: NvsimProgram
    program: str
    digest: str
    cell: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Search:
    """One array that NVSim is to find: cells, bits of a word [cells], and conditions."""

    nvsim: Nvsim
    cells: int
    word: int
    target: str
    conditions: Conditions

    def __str__(self) -> str:
        size = f"{format_bytes(self.cells // 8)} x {self.word} b"
        return f"{size}, {self.target}, {self.conditions}"

    @property
    def config(self) -> str:
        """The configuration for NVSim."""
        goal = next(theirs for theirs, ours in TARGETS.items() if ours == self.target)
        own = {
            "-DesignTarget": "RAM",
            "-OptimizationTarget": goal,
            "-ProcessNode": f"{self.conditions.node * 1e9:.0f}",
            "-Capacity (KB)": f"{self.cells // _KIB}",
            "-WordWidth (bit)": f"{self.word}",
            "-DeviceRoadmap": self.conditions.roadmap,
            "-Temperature (K)": f"{self.conditions.temperature:.0f}",
            "-MemoryCellInputFile": _CELL,
        }
        lines = [f"{key}: {value}" for key, value in own.items()]
        return "\n".join([*lines, *self.nvsim.lines, ""])

    @property
    def key(self) -> str:
        """What the answer is kept by."""
        parts = (self.nvsim.digest, self.config, self.nvsim.cell)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


_KIB = 8 * 1024
_CELL, _CONFIG = "memory.cell", "memory.cfg"
_DECIDED = (
    "-DesignTarget", "-OptimizationTarget", "-ProcessNode", "-Capacity", "-WordWidth",
    "-DeviceRoadmap", "-Temperature", "-MemoryCellInputFile", "-CellLevels",
)  # fmt: skip
# NVMExplorer's configuration of every non-volatile memory, nvmexplorer_src/input_defs/cell_cfgs.py.
_USUAL = (
    "-LocalWireType: LocalAggressive", "-LocalWireRepeaterType: RepeatedNone",
    "-LocalWireUseLowSwing: No", "-GlobalWireType: GlobalAggressive",
    "-GlobalWireRepeaterType: RepeatedNone", "-GlobalWireUseLowSwing: No", "-Routing: H-tree",
    "-InternalSensing: true", "-BufferDesignOptimization: balanced",
)  # fmt: skip
# NVSim has currents for whole kelvins of these, and nodes of these in nanometres.
_KELVINS, _NODES = (300, 400), (22, 200)
_MOST_BANKS = 4
_MOST_OUTPUT = 4 << 20


def open_nvsim(settings: NvsimProgram) -> Nvsim:
    """Return a program with its inputs. Raises ConfigError for files that are not there."""
    program = settings.program
    if os.sep not in program:
        program = shutil.which(program) or program
    digest = hashlib.sha256(_content(Path(program), "program")).hexdigest()
    cell = _content(Path(settings.cell), "cell").decode("utf-8", "replace")
    lines: tuple[str, ...] = _USUAL
    if settings.config is not None:
        text = _content(Path(settings.config), "config").decode("utf-8", "replace")
        lines = tuple(line for line in text.splitlines() if not line.startswith(_DECIDED))
    return Nvsim(settings, str(Path(program).absolute()), digest, cell, lines)


def cell_value(nvsim: Nvsim, name: str) -> str | None:
    """Return the value of a line of the cell, such as ``-MemCellType: SRAM``."""
    found = re.search(rf"^\s*{re.escape(name)}\s*:(.*)$", nvsim.cell, re.MULTILINE)
    return found[1].strip() if found else None


def _content(path: Path, what: str) -> bytes:
    try:
        return read_bytes(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"nvsim.{what}: {path} cannot be read: {reason}") from None


def bank_sizes(capacity: int) -> tuple[int, ...]:
    """Return the banks for a capacity, powers of two, largest first; NVSim knows no others.

    They are the binary digits of the capacity, down to 1 KiB; the fourth holds all that is left.
    """
    found: list[int] = []
    left = max(capacity, 1024)
    while left > 0:
        size = 1 << (left.bit_length() - 1)
        if size < left and (len(found) == _MOST_BANKS - 1 or size <= 1024):
            size *= 2
        found.append(max(size, 1024))
        left -= found[-1]
    return tuple(dict.fromkeys(found))


def searches(
    nvsim: Nvsim, wanted: Conditions, target: str, word: int, capacity: int
) -> tuple[Search, ...]:
    """Return what is to be searched for a memory. Raises ConfigError for what NVSim cannot do."""
    bits, node, kelvin = wanted.bits_per_cell, wanted.node * 1e9, wanted.temperature
    low, high = _KELVINS
    problems = (
        (word % bits, f"a word of {word} b is no whole number of cells of {bits} b"),
        (abs(node - round(node)) > 1e-6 or not _NODES[0] <= node <= _NODES[1],
         f"NVSim has nodes of {_NODES[0]} to {_NODES[1]} nm, none of {node:g} nm"),
        (kelvin % 1 or not low <= kelvin <= high,
         f"NVSim has whole kelvins from {low} to {high}, not {kelvin:g} K"),
        (target not in TARGETS.values(), f"NVSim has no target '{target}'"),
    )  # fmt: skip
    for wrong, message in problems:
        if wrong:
            raise ConfigError(f"nvsim: {message}")
    sizes = bank_sizes(-(-capacity // bits))
    return tuple(Search(nvsim, 8 * size, word // bits, target, wanted) for size in sizes)


def found_rows(wanted: Iterable[Search]) -> tuple[Row, ...]:
    """Return the rows of searches in rising order of capacity. Raises ConfigError."""
    answers = run_searches(wanted)
    return tuple(sorted((_row(*each) for each in answers.items()), key=lambda row: row.capacity))


def _row(search: Search, text: str) -> Row:
    from accelsim.memory.imports.points import COLUMNS

    figures = _point(text, f"nvsim, {search}").figures
    bits = search.conditions.bits_per_cell
    si: dict[str, Any] = {FIGURES[n][0]: float(figures[n].scaleb(FIGURES[n][1])) for n in COLUMNS}
    program, cell = Path(search.nvsim.program).name, Path(search.nvsim.settings.cell).name
    source = f"own {program} {search.nvsim.digest[:12]}, {cell}"
    size = (search.target, search.cells // 8 * bits, search.word * bits)
    return Row(*size, **si, source=source, interpolated=())


def run_searches(wanted: Iterable[Search]) -> dict[Search, str]:
    """Return what NVSim prints for each search, run at once as far as it was not kept.

    Raises ConfigError for the first that fails; the others are then ended.
    """
    known = {search: _kept(search) for search in dict.fromkeys(wanted)}
    missing = [search for search, text in known.items() if text is None]
    found = {search: text for search, text in known.items() if text is not None}
    if missing:
        jobs = missing[0].nvsim.settings.jobs or os.cpu_count() or 1
        tell(f"nvsim: {len(missing)} searches, {min(jobs, len(missing))} at a time")
        for number, (search, text, took) in enumerate(_in_parallel(missing, jobs), 1):
            tell(f"nvsim: {number} of {len(missing)}, {took:.1f} s: {search}")
            _keep(search, text)
            found[search] = text
    return found


def _in_parallel(wanted: list[Search], jobs: int) -> Iterator[tuple[Search, str, float]]:
    running: dict[Search, Popen[bytes]] = {}
    # Threads are needed only here.
    from concurrent.futures import ThreadPoolExecutor, as_completed

    with ThreadPoolExecutor(min(jobs, len(wanted))) as pool:
        futures = {pool.submit(_run, search, running): search for search in wanted}
        try:
            for future in as_completed(futures):
                text, took = future.result()
                yield futures[future], text, took
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running.values()):
                _end(process, Event())
            raise


def _run(search: Search, running: dict[Search, Popen[bytes]]) -> tuple[str, float]:
    """Run NVSim in a folder of its own; return what it prints, which is an array, and how long."""
    nvsim, start = search.nvsim, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="accelsim-nvsim-") as folder:
        (Path(folder) / _CELL).write_text(nvsim.cell, encoding="utf-8")
        (Path(folder) / _CONFIG).write_text(search.config, encoding="utf-8")
        try:
            process = Popen(
                [nvsim.program, _CONFIG], cwd=folder, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise ConfigError(f"nvsim: {nvsim.program} cannot be run: {error.strerror}") from None
        running[search] = process
        late = Event()
        timer = Timer(nvsim.settings.timeout, _end, [process, late])
        timer.start()
        assert process.stdout is not None
        try:
            with process.stdout as printed:
                output = printed.read(_MOST_OUTPUT)
            if len(output) < _MOST_OUTPUT:
                process.wait()
        finally:
            timer.cancel()
            _end(process, Event())
            del running[search]
    text, took = output.decode("utf-8", "replace"), time.monotonic() - start
    for wrong, told in (
        (len(output) == _MOST_OUTPUT, f"printed more than {_MOST_OUTPUT >> 20} MB"),
        (late.is_set(), f"took longer than {nvsim.settings.timeout:g} s"),
        (process.returncode, f"ended with exit code {process.returncode}"),
    ):
        if wrong:
            raise _failed(search, told, text)
    try:
        _point(text, "what it printed")
    except ConfigError as error:
        raise _failed(search, str(error), text) from None
    return text, took


def _point(text: str, name: str) -> Point:
    """Return the array of an answer. Raises ConfigError for a text that is none."""
    from accelsim.memory.imports.nvsim import read_nvsim

    return read_nvsim(text, name).points[0]


def _failed(search: Search, what: str, text: str) -> ConfigError:
    said = [line.strip()[:300] for line in text.splitlines() if line.strip()][-5:]
    printed = f"; it printed last: {' | '.join(said)}" if said else "; it printed nothing"
    return ConfigError(f"nvsim: {search.nvsim.program} for {search}: {what}{printed}")


def _end(process: Popen[bytes], ended: Event) -> None:
    """End a process and all that it has started, if it runs still; tell ``ended`` before."""
    if process.poll() is None:
        ended.set()
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _folder() -> Path:
    own = os.environ.get("ACCELSIM_CACHE")
    if own:
        return Path(own) / "nvsim"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "accelsim" / "nvsim"


def _kept(search: Search) -> str | None:
    """Return an answer that was kept; one that is damaged is none."""
    try:
        text = (_folder() / f"{search.key}.txt").read_text(encoding="utf-8")
        _point(text, "kept")
    except (OSError, ValueError, ConfigError):
        return None
    return text


def _keep(search: Search, text: str) -> None:
    """Keep an answer, whole or not at all; a folder that takes nothing is no reason to stop."""
    with suppress(OSError):
        _folder().mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=_folder(), delete=False) as file:
            file.write(text.encode())
        os.replace(file.name, _folder() / f"{search.key}.txt")
