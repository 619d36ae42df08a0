"""Freezes cases anew, or prints what they compute.

    python tests/net/make_net.py                    freeze all cases
    python tests/net/make_net.py main op_matmul     freeze these anew, keep the others
    python tests/net/make_net.py --show main        print the full record of a case
    python tests/net/make_net.py --full DIR         write all full records, a text file each

To see what a change did, write full records of the checkouts before and after, then `diff -r`.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import store
from cases import CASES
from freeze import freeze


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="Cases to freeze. [all]")
    parser.add_argument("--show", metavar="CASE", choices=CASES, help="Print a full record.")
    parser.add_argument("--full", metavar="DIR", type=Path, help="Write full records here.")
    chosen = parser.parse_args()
    for name in chosen.cases:
        if name not in CASES:
            parser.error(f"unknown case '{name}'; known: {', '.join(CASES)}")
    if chosen.show:
        sys.stdout.write(_text(freeze(CASES[chosen.show])))
    elif chosen.full:
        _write_full(chosen.full, chosen.cases or list(CASES))
    else:
        _freeze_anew(chosen.cases)


def _write_full(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.txt").write_text(_text(freeze(CASES[name])))


def _freeze_anew(names: list[str]) -> None:
    old, chosen = store.load(), names or list(CASES)
    kept = {name: old[name] for name in CASES if name in old} if names else {}
    with ProcessPoolExecutor() as pool:
        records = kept | dict(zip(chosen, pool.map(_condensed, chosen), strict=True))
    for name in sorted({*old, *records}):
        if changed := store.differences(old.get(name, {}), records.get(name, {})):
            sys.stdout.write(f"{name}: {len(changed)} changed, such as {changed[0]}\n")
    store.save(records)


def _condensed(name: str) -> store.Record:
    return store.condensed(freeze(CASES[name]))


def _text(record: store.Record) -> str:
    return "".join(f"{path} {value}\n" for path, value in record.items())


if __name__ == "__main__":
    main()
