"""``python -m accelsim`` and the console script."""

from __future__ import annotations

import sys

from accelsim.cli.main import run_command_line


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run_command_line())


if __name__ == "__main__":
    main()
