"""What the three batch services have in common: finding jobs, doing their requests, telling results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from kruxos.dialects.text import body_bytes, parse_json
from kruxos.simulator.call import Call, Page, Refused
from kruxos.simulator.generation import generate
from kruxos.simulator.provider import Provider, Refusal
from kruxos.simulator.steps import Asked, Cut, Data, End, Head, Response

from .jobs import Job, Kind

BATCH_BYTES_MAX = 256 * 1024 * 1024
PAGE = 20
_KEYS = ("x-api-key", "authorization", "x-goog-api-key", "anthropic-version", "anthropic-beta")
_TOO_LARGE = "body_too_large"


def for_batches(row: Provider) -> Provider:
    """A provider whose requests may be as large as batches are."""
    door = tuple(rule for rule in row.door if rule.name != _TOO_LARGE)
    return replace(row, body_bytes_max=BATCH_BYTES_MAX, door=door)


def enter(call: Call) -> str:
    """Past the door; whose jobs they are. Raises ``Refused``, ``Page``."""
    question = call.pass_door()
    call.strike_early(call.header_directive())
    return question.key or ""


def job_of(call: Call, key: str, say: Callable[[str], Refusal], prefix: str = "") -> Job:
    """The job that the path names. Raises ``Refused``."""
    name = f"{prefix}{call.values['id']}"
    job = call.world.batches.jobs.get(name)
    if job is None or (job.provider, job.key) != (call.provider.name, key):
        raise Refused(say(name[:128]), "batch_not_found")
    return job


def made(call: Call, job: Job, body: Callable[[Job], Any]) -> Response:
    """The answer to the making of a job, unless a fault loses it."""
    if call.world.batches.ways.use("lost_answers"):
        return Response(iter([Cut(is_reset=True)]), "fault", "lost answer")
    return call.answered(body_bytes(body(job)))


def page_of(call: Call, jobs: list[Job], size: str, after: str, prefix: str = "") -> tuple[list[Job], bool]:
    """A page behind a cursor, and whether there is more."""
    query = parse_qs(urlsplit(call.asked.target).query)
    limit, cursor = int(query.get(size, [str(PAGE)])[0]), f"{prefix}{query.get(after, [''])[0]}"
    ids = [job.id for job in jobs]
    start = ids.index(cursor) + 1 if cursor in ids else 0
    return jobs[start : start + limit], start + limit < len(jobs)


def results(call: Call, job: Job, line: Callable[[str, Kind, int, bytes], Any]) -> Response:
    """One line for each request for which there is one, done while it is told, in an order of its own."""
    return Response(_told(call, job, line), model="")


def _told(call: Call, job: Job, line: Callable[[str, Kind, int, bytes], Any]) -> Iterator[Data | Head | End]:
    yield Head(200, (("content-type", "application/x-jsonl"), *call.headers()))
    kinds = job.kinds(call.now)
    for place in job.order(call.world.batches.seed):
        status, body = do(call, job, place) if kinds[place] == "done" else (0, b"")
        told = line(job.items[place].name, kinds[place], status, body)
        if told is not None:
            yield Data(body_bytes(told) + b"\n")
    yield Data(b"", is_ending=True, is_terminal=True)
    yield End()


def do(call: Call, job: Job, place: int) -> tuple[int, bytes]:
    """One request, answered as it would have been alone: status and body."""
    item = job.items[place]
    headers = {name: value for name, value in call.asked.headers.items() if name in _KEYS}
    asked = Asked("POST", item.path, headers, item.body)
    values = {"model": job.about["model"]} if "model" in job.about else {}
    alone = Call(call.world, call.provider, asked, job.created_at, place, values)
    try:
        response = generate(alone)
    except Refused as refused:
        response = alone.refused(refused)
    except Page as page:
        response = alone.page(page.status)
    status, body = 200, bytearray()
    for step in response.steps:
        if isinstance(step, Head):
            status = step.status
        elif isinstance(step, Data):
            body += step.body
    return status, bytes(body)


def json_lines(data: bytes) -> list[dict[str, Any]]:
    """The objects of a JSONL file. Raises ``ValueError`` with the line's number."""
    found: list[dict[str, Any]] = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            value = parse_json(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ValueError(str(number))  # noqa: TRY004 - it is the text that is wrong
        found.append(cast("dict[str, Any]", value))
    return found


def file_in(asked: Asked) -> bytes:
    """The last part of a multipart body; empty where there is none."""
    boundary = asked.headers.get("content-type", "").partition("boundary=")[2].strip('"')
    if not boundary:
        return b""
    parts = asked.body.split(b"--" + boundary.encode())
    inner = parts[-2] if len(parts) > 2 else b""
    return inner.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


def rfc3339(at: float | None) -> str | None:
    """A time as Google and Anthropic write it."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
