"""Agents are processes of any kind: they fork, they come in numbers, they show tokens."""

from __future__ import annotations

import pytest

from kruxos.errors import ConnectionLostError, UnauthorizedError
from tests.service.running import Installation, until

pytestmark = pytest.mark.real

FORKING = """
import os, sys
from kruxos import BlockingClient
client = BlockingClient(agent="forker")
assert client.chat("before", provider="claude").provider == "claude"
children = []
for number in range(2):
    pid = os.fork()
    if pid == 0:
        try:
            for turn in range(10):
                reply = client.chat(f"child {number} turn {turn}", provider=("claude", "gpt")[number])
                assert reply.provider == ("claude", "gpt")[number], reply.provider
                with client.stream(f"child {number} stream {turn}", provider="gpt") as events:
                    assert "".join(getattr(e, "text", "") for e in events) == events.reply().text != ""
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    children.append(pid)
for turn in range(10):
    assert client.chat(f"parent {turn}", provider="claude").provider == "claude"
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
print(codes, flush=True)
"""


def test_parent_and_children_each_get_their_own_answers(gateway: Installation) -> None:
    with gateway.agent_process(FORKING) as agent:
        out, _ = agent.communicate(timeout=30)
    assert (agent.returncode, out) == (0, "[0, 0]\n")
    assert gateway.control("usage", agent="forker")["total"]["calls"] == 1 + 10 + 2 * 20
    until(lambda: gateway.status()["sessions"] == 0, "the end of their sessions")


def test_a_token_proves_an_agent_and_a_revoked_one_is_cut(gateway: Installation) -> None:
    token = gateway.control("agent.create", name="token-bearer", purpose="testing")["token"]
    with gateway.client(agent="token-bearer", token=token) as client:
        assert client.chat("Hello", provider="claude").text
        with gateway.client(agent="token-bearer", token="wrong") as liar, pytest.raises(UnauthorizedError):
            liar.chat("Hello", provider="claude")
        hanging = "Hello [[simulate silence where=middle after=3]]"
        with client.stream(hanging, provider="claude") as events:
            next(events)
            gateway.control("agent.revoke", name="token-bearer")
            with pytest.raises(ConnectionLostError) as caught:
                list(events)
        assert "revoked" in str(caught.value)
        with pytest.raises(UnauthorizedError):
            client.chat("Hello", provider="claude")
