"""Mutants of a seeded sample, each against the tests that run its lines: who sees a wrong figure?

    python tests/mutants/campaign.py cover --out DIR      once (Python 3.12 or newer)
    python tests/mutants/campaign.py run --out DIR --count 300 --seed 2026

`cover` notes which test runs which line. `run` collects the tests once and forks for each mutant: a
mutated function gets its new code in the child; a mutated constant or default needs a process of
its own. Laws come first, cheapest files first; the frozen figures of tests/net only when no law
fails. Everything happens in a clone of the committed checkout, kept in DIR.
"""

from __future__ import annotations

import argparse
import ast
import gc
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import asdict
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from _pytest.main import pytest_runtestloop as run_tests

sys.path.insert(0, os.path.dirname(__file__))
from covering import fewer_examples
from mutations import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
# What accounts, simulates, maps, prices and composes; of the memories neither faults nor imports.
ROOMS = ("account", "engine", "mapping", "accelerators", "memory", "machine", "placement")
ROOMS += ("program.py", *(f"evaluation/{name}.py" for name in ("design", "idle_costs", "stages")))
NEITHER = ("memory/imports", "memory/faults", "memory/nvsim_search.py", "memory/files.py")
TESTS = (*ROOMS[:7], "evaluation", "policies", "workload", "model", "units", "test_demands.py")
TESTS += ("study", "report", "inputs", "plugins", "requests", "weights", "inference", "cli", "net")
CHEAP_SECONDS = 0.05
SECONDS_OF_A_MUTANT = 22
BYTES_OF_A_MUTANT = 4 << 30
OPTIONS = ("-p", "no:cacheprovider", "--hypothesis-seed=0", "--tb=no")


def sample(checkout: Path, count: int, seed: int) -> list[Mutant]:
    """Draw mutants of the rooms in random order, at most one a line."""
    found = []
    for room in ROOMS:
        place = checkout / "accelsim" / room
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            name = path.relative_to(checkout).as_posix()
            if not name.removeprefix("accelsim/").startswith(NEITHER):
                found += mutants(name, path.read_bytes())
    random.Random(seed).shuffle(found)
    first = {}
    for mutant in found:
        first.setdefault((mutant.file, mutant.first_line), mutant)
    sys.stderr.write(f"{len(found)} mutants on {len(first)} lines\n")
    return list(first.values())[:count]


def places(checkout: Path) -> list[Mutant]:
    """Return the mutants of places.tsv: a file, its text, what stands there instead."""
    found = []
    for line in (Path(__file__).parent / "places.tsv").read_text().splitlines():
        file, old, new = line.split("\t")
        source = (checkout / file).read_bytes()
        if source.count(old.encode()) != 1:
            raise SystemExit(f"places.tsv: {file}: expected once: {old}")
        start = source.index(old.encode())
        first = source.count(b"\n", 0, start) + 1
        found.append(Mutant(file, first, first, start, start + len(old.encode()), old, new))
    return found


class Cover:
    """Which tests run a line, grouped by file, the cheapest file first."""

    def __init__(self, out: Path, budget: float) -> None:
        self.budget = budget
        self.kills: Counter[str] = Counter()
        self.slowest: dict[str, float] = defaultdict(float)
        self.seconds: dict[str, float] = {}
        self.at: dict[tuple[str, int], list[str]] = defaultdict(list)
        self.of: dict[str, Counter[str]] = defaultdict(Counter)
        for part in sorted(out.glob("cover-*.json")):
            for test, found in json.loads(part.read_text()).items():
                self.seconds[test] = found["seconds"]
                file = test.partition("::")[0]
                self.slowest[file] = max(self.slowest[file], found["seconds"])
                for source, lines in found["lines"].items():
                    self.of[source][test] = len(lines)
                    for line in lines:
                        self.at[source, line].append(test)

    @property
    def test_files(self) -> list[str]:
        """Test files whose tests are known."""
        return sorted({test.partition("::")[0] for test in self.seconds})

    def tests(self, mutant: Mutant, in_function: bool) -> tuple[list[str], list[str]]:
        """Return laws and cases of the net that run a mutant's lines, else its file."""
        lines = range(mutant.first_line, mutant.last_line + 1)
        found = {t for line in lines for t in self.at[mutant.file, line]} if in_function else set()
        found = found or set(self.of[mutant.file])
        net = [t for t in found if t.startswith("tests/net/")]
        files: dict[str, list[str]] = defaultdict(list)
        for test in sorted(found - set(net)):
            files[test.partition("::")[0]].append(test)
        # What a first test of a file leaves in a cache, cheap ones judge without running the line.
        for test, seconds in self.seconds.items():
            file = test.partition("::")[0]
            if file in files and seconds < CHEAP_SECONDS and test not in found:
                files[file].append(test)
        module = f"from {mutant.file.removesuffix('.py').replace('/', '.')} import"
        room = "tests/" + mutant.file.split("/")[1] + "/"

        def cost(file: str) -> float:
            """Fixtures count with the slowest test; far files come later, killers first."""
            spent = self.slowest[file] + sum(self.seconds[test] for test in files[file])
            near = 3 if file.startswith(room) else 1
            near = 10 if module in Path(file).read_text() else near
            return spent / near / (1 + self.kills[file])

        laws: list[str] = []
        spent = 0.0
        for file in sorted(files, key=cost):
            for test in files[file]:
                if spent + self.seconds[test] <= self.budget or not laws:
                    spent += self.seconds[test]
                    laws.append(test)
        return laws, sorted(net, key=self.seconds.__getitem__)[:12]


def _codes(code: CodeType) -> list[CodeType]:
    nested = [c for c in code.co_consts if isinstance(c, CodeType)]
    return [code, *(part for inner in nested for part in _codes(inner))]


def changed_functions(file: Path, mutant: Mutant) -> dict[CodeType, CodeType]:
    """Pair a module's functions with their mutants; none when more than functions changes."""
    source = file.read_bytes()
    if not _in_function(source, mutant):
        return {}
    old = _codes(compile(source, str(file), "exec", dont_inherit=True))
    new = _codes(compile(mutant.applied(source), str(file), "exec", dont_inherit=True))
    if len(old) != len(new):
        return {}
    return {a: b for a, b in zip(old, new, strict=True) if a != b and a.co_flags & CO_OPTIMIZED}


def _in_function(source: bytes, mutant: Mutant) -> bool:
    bodies = [
        node.body if isinstance(node, ast.FunctionDef) else [node.body]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.Lambda)
    ]
    return any(
        body[0].lineno <= mutant.first_line and mutant.last_line <= (body[-1].end_lineno or 0)
        for body in bodies
    )


def installed(pairs: dict[CodeType, CodeType], living: list[FunctionType]) -> bool:
    """Give the mutated code to every living function that has the old one, if there is any."""
    found = [function for function in living if function.__code__ in pairs]
    try:
        for function in found:
            function.__code__ = pairs[function.__code__]
    except ValueError:  # a closure of other variables
        return False
    return bool(found)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Forks:
    """In place of running the collected tests: run some of them in a child for each mutant."""

    def __init__(
        self,
        out: Path,
        chosen: list[tuple[int, Mutant]],
        results: Path,
        budget: float,
        files: list[str],
    ) -> None:
        self.cover, self.chosen, self.results = Cover(out, budget), chosen, results
        self.files = files
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        fewer_examples(items)

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Leave the rest when what a mutant may cost is spent."""
        return True if time.process_time() > self.cover.budget else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = {item.nodeid: item for item in session.items}
        package = str(Path.cwd() / "accelsim")
        functions = [thing for thing in gc.get_objects() if isinstance(thing, FunctionType)]
        self.living = [f for f in functions if f.__code__.co_filename.startswith(package)]
        gc.freeze()
        for number, mutant in self.chosen:
            start, used = time.monotonic(), _children_seconds()
            state, tests, killer = self._judge(session, mutant)
            line = {"number": number, "state": state, "tests": tests, "killer": killer}
            line |= {"cpu": round(_children_seconds() - used, 1)}
            line |= {"seconds": round(time.monotonic() - start, 1), **asdict(mutant)}
            self.cover.kills[killer.partition("::")[0]] += 1
            with self.results.open("a") as file:
                file.write(json.dumps(line) + "\n")
            what = f"{number} {state} {line['seconds']} {mutant.file}:{mutant.first_line} {killer}"
            sys.stdout.write(what + "\n")
            sys.stdout.flush()
        return True

    def _judge(self, session: pytest.Session, mutant: Mutant) -> tuple[str, int, str]:
        file = Path.cwd() / mutant.file
        pairs = changed_functions(file, mutant)
        laws, net = self.cover.tests(mutant, bool(pairs))
        if self.files:
            laws = [test for test in self.items if test.partition("::")[0] in self.files]
        if not laws and not net:
            return "never run", 0, ""
        for state, tests in (("killed", laws), ("killed by the net alone", net)):
            killer = self._killer(session, pairs, mutant, tests) if tests else ""
            if killer:
                return state, len(laws), killer
        return "survived", len(laws), ""

    def _killer(
        self,
        session: pytest.Session,
        pairs: dict[CodeType, CodeType],
        mutant: Mutant,
        tests: list[str],
    ) -> str:
        """Return the first of the tests that fails, empty when none does."""
        read, write = os.pipe()
        child = os.fork()
        if not child:
            try:
                self._child(session, pairs, mutant, tests, write)
            finally:
                os._exit(3)
        os.close(write)
        with os.fdopen(read) as answer:
            said = answer.read()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return f"signal {os.WTERMSIG(status)}"
        return said or ("" if os.WEXITSTATUS(status) == 0 else f"exit {os.WEXITSTATUS(status)}")

    def _child(
        self,
        session: pytest.Session,
        pairs: dict[CodeType, CodeType],
        mutant: Mutant,
        tests: list[str],
        answer: int,
    ) -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_OF_A_MUTANT, SECONDS_OF_A_MUTANT + 5))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES_OF_A_MUTANT, BYTES_OF_A_MUTANT))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        if pairs and installed(pairs, self.living):
            session.items = [self.items[t] for t in tests if t in self.items]
            with suppress(session.Failed, session.Interrupted):
                run_tests(session)
            os.write(answer, self.failed.encode())
            os._exit(0)
        path = Path(mutant.file)
        source, times = path.read_bytes(), path.stat()
        path.write_bytes(mutant.applied(source))
        # A time of its own: compiled code of the same size and second would be taken for it.
        os.utime(path, (mutant.start, mutant.start))
        try:
            command = [sys.executable, "-m", "pytest", "-x", *OPTIONS, "-p", "covering", *tests]
            code = subprocess.run(command, check=False).returncode
        finally:
            path.write_bytes(source)
            os.utime(path, (times.st_atime, times.st_mtime))
        os.write(answer, b"a process of its own" if code else b"")
        os._exit(0)


def cover(checkout: Path, out: Path) -> None:
    for name in TESTS:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "covering",
            *OPTIONS,
            f"tests/{name}",
        ]
        target = str(out / f"cover-{name}.json")
        subprocess.run(
            command, cwd=checkout, env={**os.environ, "COVERING_OUT": target}, check=False
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("cover", "run", "places"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--seconds", type=float, default=40, help="of tests for a mutant")
    parser.add_argument("--tests", nargs="*", help="test files in place of those that run the line")
    parser.add_argument("--only", help="mutants of which to run again, e.g. 3,17")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    checkout = out / "checkout"
    if not checkout.exists():
        subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)
    subprocess.run(["git", "checkout", "-q", "."], cwd=checkout, check=True)
    os.environ["PYTHONPATH"] = os.pathsep.join((str(checkout), str(Path(__file__).parent)))
    if arguments.action == "cover":
        cover(checkout, out)
        return
    os.chdir(checkout)
    sys.path.insert(0, str(checkout))
    results = out / f"{arguments.action}.jsonl"
    done = {json.loads(line)["number"] for line in results.open()} if results.exists() else set()
    drawn = (
        places(checkout)
        if arguments.action == "places"
        else sample(checkout, arguments.count, arguments.seed)
    )
    chosen = list(enumerate(drawn))
    if arguments.only:
        chosen = [chosen[int(number)] for number in arguments.only.split(",")]
    else:
        chosen = [(number, mutant) for number, mutant in chosen if number not in done]
    forks = Forks(out, chosen, results, arguments.seconds, arguments.tests)
    pytest.main(
        ["-q", "-x", *OPTIONS, *(arguments.tests or forks.cover.test_files)], plugins=[forks]
    )


if __name__ == "__main__":
    main()
