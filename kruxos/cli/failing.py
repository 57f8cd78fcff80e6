"""Failures in words: ``error: ...`` and ``fix: ...`` on standard error, and the exit code. Never a traceback."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

from kruxos.cli.terminal import Terminal, clean, styled, terminal_of

if TYPE_CHECKING:
    from kruxos.errors import KruxosError

OK = 0
FAILED = 1
USAGE = 2
NO_GATEWAY = 3
INTERRUPTED = 130
EXIT_CODES = """\
exit codes:
  0 done    1 failed    2 wrong usage    3 the gateway is not running    130 interrupted"""

_FIX = "\n  fix: "
_FULL = "free space where the data directory is: `kruxos verify` shows how much there is"
_MENDS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: "set KRUXOS_DATA_DIR to a directory on a disk that can be written",
    errno.EACCES: "run this as the user who owns it, or set KRUXOS_DATA_DIR to a directory of your own",
}


class CommandError(Exception):
    """A command that cannot be done, found by the command line itself."""

    def __init__(self, message: str, fix: str = "", code: int = FAILED) -> None:
        super().__init__(message)
        self.message, self.fix, self.code = message, fix, code


def tell(message: str, fix: str = "", terminal: Terminal | None = None) -> None:
    """Prints an error. A message of several lines (a file's problems) keeps them."""
    shown = terminal_of(sys.stderr) if terminal is None else terminal
    print(styled("error:", "bad", shown), clean(message), file=sys.stderr)
    if fix:
        print(styled("fix:", "good", shown), clean(fix), file=sys.stderr)


def tell_failure(error: BaseException) -> int:
    """Prints what went wrong and gives the exit code for it."""
    from kruxos.config.problems import SetupError  # noqa: PLC0415 - only where something went wrong
    from kruxos.errors import KruxosError  # noqa: PLC0415

    match error:
        case CommandError():
            tell(error.message, error.fix)
            return error.code
        case KruxosError():
            return _tell_kruxos(error)
        case SetupError():
            tell(*split_fix(str(error)))
        case OSError():
            where = f": {error.filename}" if error.filename else ""
            tell(f"{error.strerror or type(error).__name__}{where}", _MENDS.get(error.errno or 0, ""))
        case _:
            tell(f"this is a fault of KruxOS: {type(error).__name__} {_place(error)}", "report it with this line")
    return FAILED


def split_fix(text: str) -> tuple[str, str]:
    """A message that carries its fix, in two; a list of problems stays whole."""
    message, found, fix = text.partition(_FIX)
    return (message, fix) if found and _FIX not in fix and "\n" not in fix else (text, "")


def _tell_kruxos(error: KruxosError) -> int:
    from kruxos.errors import AllProvidersUnavailableError, GatewayUnreachableError  # noqa: PLC0415

    message, fix = split_fix(error.message)
    if error.code == "bad_request" and error.detail.field == "op":
        fix = "the gateway that runs is of another version: stop `kruxos serve` and start it again"
    fix = fix or ("" if error.recovery in message else error.recovery)
    message = message.removesuffix(f": {error.recovery}") if error.recovery == fix else message
    disabled = [each.provider for each in error.attempts if each.message == "skipped: disabled"]
    if error.code == "no_provider" and disabled:
        fix = f"kruxos model enable {disabled[0]}"
    if isinstance(error, GatewayUnreachableError) and os.environ.get("KRUXOS_DATA_DIR"):
        fix = f"{fix or error.recovery}; if one runs, KRUXOS_DATA_DIR names another directory than the one it was given"
    if isinstance(error, AllProvidersUnavailableError):
        told = dict.fromkeys(f"  {each.provider}: {each.message or each.outcome}" for each in error.attempts)
        message = "\n".join([message, *told])
    tell(message, fix)
    return NO_GATEWAY if isinstance(error, GatewayUnreachableError) else FAILED


def _place(error: BaseException) -> str:
    """Where it arose: a file of ours and its line, without any value."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if str(module).startswith("kruxos"):
            place = f"in {module}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place
