"""Errors that accelsim raises on purpose, each with the exit code of the command line.

    AccelsimError            1   anything raised on purpose
      ConfigError            2   an input file or option is wrong
      MappingError           3   the model cannot run on this machine
        CapacityError        3   a tensor or buffer does not fit
      ProgramError           4   a program cannot be executed (a bug in a mapping)
      ConservationError      5   the ledger contradicts itself (a bug in accelsim)
      OutputError            6   a result cannot be written
      PluginError            7   what a plug-in adds has failed (a bug in the plug-in)

A study exits with 8 when points have failed or were killed; their rows say why. A comparison in
which a run passes a limit (``compare --fail-above``) exits with 9.
An interrupted command (Ctrl-C) exits with 130, one that is told to end with 128 and the number of
the signal: 143 (SIGTERM) or 129 (SIGHUP).
"""

from __future__ import annotations

INTERRUPTED = 130
POINTS_FAILED, LIMIT_PASSED = 8, 9


class AccelsimError(Exception):
    """Root of all errors that are raised on purpose.

    All arguments are positional and handed to ``Exception``: SimPy and pickle re-create an
    exception as ``type(error)(*error.args)``.
    """

    exit_code = 1

    def __init__(self, message: str, *context: object) -> None:
        super().__init__(message, *context)

    def __str__(self) -> str:
        return str(self.args[0])


class ConfigError(AccelsimError):
    """An input is wrong. The message has one line a problem: ``file:line: path: what is wrong``."""

    exit_code = 2


class RefusedValueError(ConfigError):
    """A value that nothing can have; where a plug-in makes it, the plug-in is wrong."""


class MappingError(AccelsimError):
    """The model cannot be mapped onto the machine."""

    exit_code = 3


class CapacityError(MappingError):
    """A tensor or buffer does not fit; the message names what, where, needed and free bytes."""


class ProgramError(AccelsimError):
    """A program breaks a rule of the engine, for instance a task that waits for a later one."""

    exit_code = 4


class ConservationError(AccelsimError):
    """The ledger contradicts itself: please report this as a bug."""

    exit_code = 5


class OutputError(AccelsimError):
    """A result file cannot be written."""

    exit_code = 6


class PluginError(AccelsimError):
    """A method of a plug-in has raised what is not said on purpose, or broken its contract."""

    exit_code = 7


class Stopped(BaseException):
    """The process was told to end by a signal; what is half-written is removed on the way out."""

    @property
    def exit_code(self) -> int:
        """Return 128 and the number of the signal."""
        return 128 + int(self.args[0])
