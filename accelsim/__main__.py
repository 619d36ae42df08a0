"""``python -m accelsim`` and the console script."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from typing import NoReturn

from accelsim.errors import INTERRUPTED, Stopped


def main() -> None:
    """Run the command line and exit with its code."""
    # What a run builds lives to its end: a short command ends before a search for cycles.
    gc.set_threshold(500_000, 20, 50)
    try:
        _open_streams()
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            # Who started us may have asked for it to be ignored, as nohup does.
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _stop)
        # A terminal that cannot show a character shows another one.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        from accelsim.cli.main import run_command_line

        sys.exit(run_command_line())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Stopped as stopped:
        sys.exit(stopped.exit_code)
    finally:
        # The process ends: to search all that a run has built for cycles takes a quarter of it.
        gc.freeze()


def _open_streams() -> None:
    """Let output vanish that the caller has closed; what is written to files is still wanted."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _stop(number: int, frame: object) -> NoReturn:
    raise Stopped(number)


if __name__ == "__main__":
    main()
