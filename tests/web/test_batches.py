"""Batches through the doors, driven by the official libraries: both protocols, at providers of either."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.service.running import Simulator, until
from tests.web.running import Web, serving

pytestmark = pytest.mark.real

MODELS = """\
providers:
  gpt: {{type: openai, profile: openai, dialect: openai-responses, base_url: "{root}/v1", model: gpt-5.2}}
  claude: {{type: anthropic, base_url: "{root}", model: claude-sonnet-4-6}}
  slow: {{type: openai, base_url: "{root}/v1", model: gpt-4o}}
defaults: {{chat: claude}}
"""
HELLO = [{"role": "user", "content": "Hello"}]
_CREATE = ("POST", "/v1/messages/batches")
BAD = [{"role": "user", "content": "[[simulate 400]] hi"}]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("--fast", "--batch-seconds", "0.3") as server:
        yield server


@pytest.fixture(scope="module")
def web(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    models = MODELS.format(root=simulator.root)
    with serving(tmp_path_factory.mktemp("k"), models, ("gpt", "claude", "slow")) as made:
        yield made


def openai_client(web: Web, token: str = "") -> openai.OpenAI:
    return openai.OpenAI(api_key=token or web.token, base_url=f"{web.address}/v1", max_retries=0)


def anthropic_client(web: Web, token: str = "") -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=token or web.token, base_url=web.address, max_retries=0)


@pytest.fixture
def from_openai(web: Web) -> Iterator[openai.OpenAI]:
    with openai_client(web) as client:
        yield client


@pytest.fixture
def from_anthropic(web: Web) -> Iterator[anthropic.Anthropic]:
    with anthropic_client(web) as client:
        yield client


def file_of(model: str, url: str = "/v1/chat/completions", messages: Any = None) -> tuple[str, io.BytesIO]:
    field = "input" if url == "/v1/responses" else "messages"
    every = messages or [HELLO, BAD, HELLO]
    lines = [
        {"custom_id": f"q {n}", "method": "POST", "url": url, "body": {"model": model, field: each}}
        for n, each in enumerate(every)
    ]
    return "work.jsonl", io.BytesIO("\n".join(map(json.dumps, lines)).encode())


def requests_of(model: str, every: Any = (HELLO, BAD, HELLO)) -> Any:
    return [
        {"custom_id": f"q{n}", "params": {"model": model, "max_tokens": 100, "messages": each}}
        for n, each in enumerate(every)
    ]


def ended_openai(client: openai.OpenAI, name: str) -> Any:
    def over() -> Any:
        found = client.batches.retrieve(name)
        return found if found.status in ("completed", "failed", "expired", "cancelled") else None

    return until(over, "the end of the batch", within_s=60.0)


def ended_anthropic(client: anthropic.Anthropic, name: str) -> Any:
    def over() -> Any:
        found = client.messages.batches.retrieve(name)
        return found if found.processing_status == "ended" else None

    return until(over, "the end of the batch", within_s=60.0)


@pytest.mark.parametrize("model", ["gpt", "claude/claude-sonnet-4-6"])
@pytest.mark.parametrize("url", ["/v1/chat/completions", "/v1/responses"])
def test_openais_library_submits_polls_and_reads_results_and_errors(
    from_openai: openai.OpenAI, model: str, url: Any
) -> None:
    if (model, url) == ("gpt", "/v1/chat/completions"):
        model = "gpt/gpt-5.2"
    file = from_openai.files.create(file=file_of(model, url), purpose="batch")
    assert (file.filename, file.purpose) == ("work.jsonl", "batch")
    assert from_openai.files.retrieve(file.id).bytes == file.bytes > 0
    batch = from_openai.batches.create(
        input_file_id=file.id, endpoint=url, completion_window="24h", metadata={"for": "monday"}
    )
    over = ended_openai(from_openai, batch.id)
    assert (over.status, over.input_file_id, over.endpoint, over.metadata) == (
        "completed", file.id, url, {"for": "monday"},
    )  # fmt: skip
    counts = over.request_counts
    assert (counts.total, counts.completed, counts.failed) == (3, 2, 1)
    lines = [json.loads(line) for line in from_openai.files.content(over.output_file_id).text.splitlines()]
    assert [line["custom_id"] for line in lines] == ["q 0", "q 2"]
    for line in lines:
        body = line["response"]["body"]
        text = body["choices"][0]["message"]["content"] if "choices" in body else body["output"][-1]["content"]
        assert line["response"]["status_code"] == 200
        assert text
        assert body["usage"]["total_tokens"] > 0
    (wrong,) = [json.loads(line) for line in from_openai.files.content(over.error_file_id).text.splitlines()]
    assert (wrong["custom_id"], wrong["response"]["status_code"]) == ("q 1", 400)
    assert wrong["response"]["body"]["error"]["message"]
    assert over.id in [each.id for each in from_openai.batches.list(limit=5)]
    assert from_openai.files.delete(file.id).deleted


@pytest.mark.parametrize("model", ["claude", "gpt/gpt-5.2"])
def test_anthropics_library_submits_polls_and_streams_results(from_anthropic: anthropic.Anthropic, model: str) -> None:
    batch = from_anthropic.messages.batches.create(requests=requests_of(model))
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 3)
    over = ended_anthropic(from_anthropic, batch.id)
    assert (over.request_counts.succeeded, over.request_counts.errored) == (2, 1)
    results: list[Any] = list(from_anthropic.messages.batches.results(over.id))
    assert [each.custom_id for each in results] == ["q0", "q1", "q2"]
    first, wrong, last = (each.result for each in results)
    assert first.type == last.type == "succeeded"
    assert first.message.content[0].type == "text"
    assert first.message.content[0].text
    assert first.message.usage.output_tokens > 0
    assert wrong.type == "errored"
    assert wrong.error.error.message
    assert over.id in [each.id for each in from_anthropic.messages.batches.list(limit=5)]


def test_lists_come_in_pages(from_anthropic: anthropic.Anthropic, from_openai: openai.OpenAI) -> None:
    made = [from_anthropic.messages.batches.create(requests=requests_of("claude", (HELLO,))).id for _ in range(3)]
    page = from_anthropic.messages.batches.list(limit=2)
    assert [each.id for each in page.data] == made[:0:-1]
    assert page.has_more
    assert made[0] in [each.id for each in page]
    assert len(from_openai.batches.list(limit=2).data) == 2
    assert {name.rpartition("_")[2] for name in made} <= {each.id[6:] for each in from_openai.batches.list(limit=2)}


def test_a_batch_is_cancelled(
    simulator: Simulator, from_openai: openai.OpenAI, from_anthropic: anthropic.Anthropic
) -> None:
    simulator.batches(seconds=600.0)
    try:
        file = from_openai.files.create(file=file_of("gpt", "/v1/responses"), purpose="batch")
        theirs = from_openai.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
        ours = from_anthropic.messages.batches.create(requests=requests_of("claude"))
        assert from_openai.batches.cancel(theirs.id).status in ("cancelling", "cancelled")
        assert from_anthropic.messages.batches.cancel(ours.id).cancel_initiated_at
        assert ended_openai(from_openai, theirs.id).status == "cancelled"
        assert ended_anthropic(from_anthropic, ours.id).request_counts.canceled == 3
        assert {each.result.type for each in from_anthropic.messages.batches.results(ours.id)} == {"canceled"}
    finally:
        simulator.batches(seconds=0.3)


def test_a_provider_without_batches_is_an_error_of_the_protocols_own(
    from_openai: openai.OpenAI, from_anthropic: anthropic.Anthropic
) -> None:
    with pytest.raises(openai.BadRequestError, match="these can: gpt, claude") as refused:
        from_openai.files.create(file=file_of("slow"), purpose="batch")
    assert refused.value.code == "batch_unsupported"
    with pytest.raises(anthropic.BadRequestError, match="these can: gpt, claude"):
        from_anthropic.messages.batches.create(requests=requests_of("slow"))


def test_what_cannot_be_sent_is_refused_by_line(from_openai: openai.OpenAI, web: Web) -> None:
    with pytest.raises(openai.BadRequestError, match="purpose"):
        from_openai.files.create(file=file_of("gpt", "/v1/responses"), purpose="assistants")
    with pytest.raises(openai.BadRequestError, match="line 1"):
        from_openai.files.create(file=("work.jsonl", b"no JSON\n"), purpose="batch")
    file = from_openai.files.create(file=file_of("gpt", "/v1/responses", [HELLO, []]), purpose="batch")
    with pytest.raises(openai.BadRequestError, match="line 2"):
        from_openai.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
    with web.http() as plain:
        for body in (b"[]", b'{"requests":[{"custom_id":"a","params":{"model":"claude"}', b'{"requests":[]}', b"{}"):
            answer = plain.post("/v1/messages/batches", content=body)
            assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
        answer = plain.post("/v1/files", content=b"--x\r\n\r\n", headers={"content-type": "multipart/form-data"})
        assert answer.status_code == 400


def test_an_agent_sees_its_own_batches_and_files_only(web: Web, from_openai: openai.OpenAI) -> None:
    other = web.installation.control("agent.create", name="other-bot")["token"]
    file = from_openai.files.create(file=file_of("gpt", "/v1/responses"), purpose="batch")
    batch = from_openai.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
    with openai_client(web, other) as stranger, anthropic_client(web, other) as twin:
        assert stranger.batches.list().data == []
        for ask in (stranger.batches.retrieve, stranger.batches.cancel):
            with pytest.raises(openai.NotFoundError):
                ask(batch.id)
        for ask_file in (stranger.files.retrieve, stranger.files.content, stranger.files.delete):
            with pytest.raises(openai.NotFoundError):
                ask_file(file.id)
        with pytest.raises(anthropic.NotFoundError) as missing:
            twin.messages.batches.retrieve(f"msgbatch_{batch.id.removeprefix('batch_')}")
        assert missing.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]  # the library's body


def test_a_large_upload_passes_through_in_pieces(from_anthropic: anthropic.Anthropic, web: Web) -> None:
    text = 'x\\n{["' * 100_000
    batch = from_anthropic.messages.batches.create(
        requests=requests_of("claude", [[{"role": "user", "content": text}]] * 12)
    )
    shown = web.installation.control("batch.show", id=f"batch_{batch.id.removeprefix('msgbatch_')}")
    assert (shown["requests"], shown["received_bytes"] > 7_000_000) == (12, True)


def test_the_same_upload_with_the_same_key_is_one_batch(from_anthropic: anthropic.Anthropic) -> None:
    made = {
        from_anthropic.messages.batches.create(
            requests=requests_of("claude"), extra_headers={"idempotency-key": "monday"}
        ).id
        for _ in range(2)
    }
    assert len(made) == 1


def test_a_beta_header_goes_with_the_batch_to_a_provider_of_the_protocol(
    from_anthropic: anthropic.Anthropic, simulator: Simulator
) -> None:
    def posts() -> list[Any]:
        return [each for each in simulator.requests() if (each["method"], each["path"]) == _CREATE]

    before = len(posts())
    beta = {"anthropic-beta": "context-1m-2025-08-07"}
    from_anthropic.messages.batches.create(requests=requests_of("claude", (HELLO,)), extra_headers=beta)
    until(lambda: len(posts()) > before, "the batch at its provider")
    assert "anthropic-beta" in posts()[-1]["header_names"]
