"""``python -m accelsim`` and the console script."""

from __future__ import annotations

import io
import sys

from accelsim.errors import INTERRUPTED


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        # A terminal that cannot show a character shows another one.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        from accelsim.cli.main import run_command_line

        sys.exit(run_command_line())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
