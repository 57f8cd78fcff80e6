"""``kruxos verify``: [PASS] and [FAIL], with what mends it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from kruxos import __version__
from kruxos.cli import operating
from kruxos.cli.failing import FAILED, OK, split_fix
from kruxos.cli.parsing import Subparsers, add_json, example_text
from kruxos.cli.status_view import RULE_COLUMNS
from kruxos.cli.terminal import Terminal, clean, plain, styled, terminal_of

ANSWER_WITHIN_S = 90.0
INDENT = " " * len("[PASS] ")
_STYLES = {"pass": "good", "warn": "warn", "fail": "bad"}

_TEXT = """\
Check that everything is as it should be: the gateway, models.yaml, the vault, files and sockets, each provider's key
and worker, isolation, clock, disk. While the gateway is down the rest is checked all the same. Nothing is changed, and
nobody is billed.

It ends with 0 where nothing failed, else with 1; a [WARN] is no failure."""


def add_parser(subparsers: Subparsers) -> None:
    """The command's options."""
    examples = example_text("kruxos verify\nkruxos verify --providers\nkruxos verify --quiet")
    parser = subparsers.add_parser("verify", description=_TEXT, epilog=examples)
    parser.add_argument(
        "--providers", action="store_true", help="connect to each provider, and ask for its list of models"
    )
    parser.add_argument("--quiet", action="store_true", help="print what failed and no more: for health checks")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Shows the findings; 1 where any failed."""
    found = _found(connect=arguments.providers)
    if arguments.json:
        operating.print_json(found)
    else:
        operating.show(verify_lines(found, terminal_of(sys.stdout), quiet=arguments.quiet))
    return OK if found["ok"] else FAILED


def _found(*, connect: bool) -> dict[str, Any]:
    from kruxos.errors import GatewayUnreachableError, KruxosError  # noqa: PLC0415 - help texts need none of this

    try:
        found = operating.operate("verify", {"providers": connect}, timeout_s=ANSWER_WITHIN_S)
    except KruxosError as error:  # a directory that is not safe, or a gateway that does not answer
        detail, fix = split_fix(error.message)
        name = "Gateway" if isinstance(error, GatewayUnreachableError) else "Files"
        told = {"name": name, "state": "fail", "detail": detail, "fix": fix or error.recovery}
        return {"ok": False, "running": False, "version": __version__, "checks": [told]}
    if found["version"] != __version__:
        detail = f"v{found['version']} runs, v{__version__} is installed"
        fix = "stop `kruxos serve` and start it again"
        found["checks"].append({"name": "Version", "state": "fail", "detail": detail, "fix": fix})
        found["ok"] = False
    return found


def verify_lines(found: Mapping[str, Any], terminal: Terminal, *, quiet: bool = False) -> list[str]:
    """All findings, or with ``quiet`` those that failed."""
    shown = [each for each in found["checks"] if not quiet or each["state"] == "fail"]
    width = max((len(each["name"]) for each in shown), default=0)
    lines = [line for each in shown for line in _finding_lines(each, width, terminal)]
    if not quiet:
        lines = [styled("KruxOS Verify", "bold", terminal), "─" * RULE_COLUMNS, *lines, "", _summary(found["checks"])]
    return [plain(line, terminal) for line in lines]


def _finding_lines(each: Mapping[str, str], width: int, terminal: Terminal) -> Iterator[str]:
    state = styled(f"[{each['state'].upper()}]", _STYLES[each["state"]], terminal)
    first, *more = clean(each["detail"]).splitlines() or [""]
    yield f"{state} {clean(each['name']):<{width}}  {first}"
    yield from (f"{INDENT}{line}" for line in more)
    if each["fix"]:
        yield f"{INDENT}{styled('fix:', 'good', terminal)} {clean(each['fix'])}"


def _summary(checks: list[Mapping[str, str]]) -> str:
    counts = {state: sum(each["state"] == state for each in checks) for state in ("pass", "warn", "fail")}
    words = {"pass": "passed", "warn": "to look at", "fail": "failed"}
    return ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state])
