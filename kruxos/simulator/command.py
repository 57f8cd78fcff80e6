"""``kruxos simulate``: its options, and the server as a process of its own.

It tells its address in one line on standard output when it is ready, and serves until it is interrupted.
"""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

import trio

from kruxos.catalog import Model, day_of
from kruxos.errors import BadRequestError

from .bases import BASE_PATHS
from .codex.accounts import Policy
from .scenario import load_script
from .server import Simulator
from .settings import FAST, RateLimits, Settings, Timing

_DEFAULT = Settings()
_LAST_WORDS = """\
A request can ask for a fault in its prompt, [[simulate 429 retry_after=2]], in a header, x-simulate: cut after=10, or
behind the model's name, claude-sonnet-4-6#overloaded. GET /simulator lists all faults and models; POST
/simulator/faults with {"faults": ["529 times=3"]} switches them on for all requests; GET /simulator/requests tells what
came in. Base URLs: this address for Anthropic and Ollama, with /v1 for OpenAI, with /v1beta for Gemini, with a path of
their own for the others, such as /groq/openai/v1, or /backend-api/codex for Codex, whose logins wait at GET
/codex/device for an answer; GET /simulator lists them. Any key is accepted that does not begin with bad-.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _LAST_WORDS
    limits, timing = _DEFAULT.limits, _DEFAULT.timing
    add = parser.add_argument
    add("--host", default=_DEFAULT.host, help="address to listen on (default: %(default)s, this machine only)")
    add("--port", type=int, default=8909, help="port to listen on; 0: any free one (default: %(default)s)")
    add("--key", help="the only key that is accepted; a made-up one, for it is visible in the process list")
    add("--model", action="append", default=[], metavar="NAME", help="sell this model too; may be repeated")
    add("--script", type=Path, metavar="FILE", help="answers to give, as JSON; made-up ones come after them")
    add("--fault", action="append", default=[], metavar="WORDS", help="a fault that is on from the start")
    add("--fast", action="store_true", help="no pauses but those of faults")
    add("--first-token", type=float, default=timing.first_token_s, metavar="S", help="seconds before the first token")
    add("--rate", type=float, default=timing.tokens_per_s, metavar="N", help="tokens a second (default: %(default)s)")
    add(
        "--logins",
        choices=get_args(Policy),
        default="ask",
        help="what becomes of a login's code (default: %(default)s)",
    )
    add("--login-tokens", type=float, default=_DEFAULT.login_tokens_s, metavar="S", help="how long its tokens last")
    add("--batch-seconds", type=float, default=_DEFAULT.batch_s, metavar="S", help="how long a batch takes")
    add("--seed", type=int, default=0, help="another seed gives other answers (default: %(default)s)")
    add("--requests-per-minute", type=int, default=limits.requests_per_minute, metavar="N", help="rate limit of a key")
    add("--input-tokens-per-minute", type=int, default=limits.input_tokens_per_minute, metavar="N", help="likewise")
    add("--output-tokens-per-minute", type=int, default=limits.output_tokens_per_minute, metavar="N", help="likewise")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings that the options make. Raises ``BadRequestError``, ``OSError`` for the script."""
    limits = RateLimits(
        arguments.requests_per_minute, arguments.input_tokens_per_minute, arguments.output_tokens_per_minute
    )
    if min(limits.requests_per_minute, limits.input_tokens_per_minute, limits.output_tokens_per_minute) < 1:
        raise BadRequestError("a rate limit is at least 1")
    if arguments.first_token < 0 or arguments.rate < 0:
        raise BadRequestError("--first-token and --rate can't be negative")
    timing = FAST if arguments.fast else Timing(arguments.first_token, arguments.rate)
    today = day_of(time.time())
    models = tuple(
        Model(provider, name, "given on the command line", today) for name in arguments.model for provider in BASE_PATHS
    )
    script = load_script(arguments.script) if arguments.script else ()
    return Settings(
        arguments.host, arguments.port, arguments.key, models, timing, limits, script,
        tuple(arguments.fault), arguments.seed, logins=arguments.logins, login_tokens_s=arguments.login_tokens,
        batch_s=arguments.batch_seconds,
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Serves until interrupted. Gives the exit status: 0, or 2 for options that can't be."""
    status = 0
    try:
        trio.run(_serve, Simulator(settings_of(arguments)))
    except* (BadRequestError, OSError) as group:
        sys.stderr.write(f"error: {_words(_cause(group), arguments.port)}\n")
        status = 2
    return status


def _words(error: BaseException, port: int) -> str:
    """What happened, and what mends it."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {port} is taken\nfix: kruxos simulate --port 0 takes any that is free"
    return str(error)


def _cause(error: BaseException) -> BaseException:
    """The first error within groups of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m kruxos.simulator``."""
    parser = argparse.ArgumentParser(prog="kruxos simulate", description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))


async def _serve(simulator: Simulator) -> None:
    async with trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with simulator.running(nursery) as url:
                sys.stdout.write(f"{url}\n")
                sys.stdout.flush()
                async for _ in signals:
                    break
        nursery.cancel_scope.cancel()
