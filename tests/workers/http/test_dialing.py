"""From a name to a connected socket, on loopback."""

from __future__ import annotations

import socket
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from kruxos.errors import ProviderUnreachableError
from kruxos_workers.http import dialing
from kruxos_workers.http.dialing import TrioNetwork, families_in_turn, is_address
from tests.workers.http.helpers import closed, serving, under_trio


def resolver(*addresses: str) -> dialing.Resolve:
    async def resolve(host: str, port: int) -> Sequence[str]:
        assert (host, port > 0) == ("some.name", True)
        await trio.lowlevel.checkpoint()
        return addresses

    return resolve


@contextmanager
def silent(address: str, port: int) -> Generator[None]:
    """A port that neither accepts nor refuses: its queue of connections is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
        yield


@given(st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "::1", "::2", "::3"]), unique=True))
def test_families_take_turns_in_the_order_of_preference(addresses: list[str]) -> None:
    turns = families_in_turn(addresses)
    assert sorted(turns) == sorted(addresses)
    assert turns[:1] == addresses[:1]
    for family in (True, False):
        assert [a for a in turns if (":" in a) is family] == [a for a in addresses if (":" in a) is family]
    both = 2 * min(sum(":" in a for a in addresses), sum(":" not in a for a in addresses))
    assert all((":" in turns[at]) != (":" in turns[at + 1]) for at in range(max(0, both - 1)))


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("::1", True), ("localhost", False), ("1.2", False)]
)
def test_an_address_is_no_name(host: str, expected: bool) -> None:
    assert is_address(host) is expected


@under_trio
async def test_an_address_is_not_resolved() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError(f"resolving {host} {port}")

    async with serving(closed) as port:
        stream = await TrioNetwork(resolve).connect_tcp("127.0.0.1", port)
        stream.close()


@under_trio
async def test_a_name_goes_to_the_addresses_that_its_resolver_gives() -> None:
    async with serving(closed) as port:
        stream = await TrioNetwork(resolver("127.0.0.1")).connect_tcp("some.name", port)
        stream.close()


@under_trio
async def test_the_default_resolver_knows_this_machine() -> None:
    async with serving(closed) as port:
        stream = await TrioNetwork().connect_tcp("localhost", port)
        stream.close()


@pytest.mark.parametrize("fault", [OSError("no"), socket.gaierror(-2, "unknown"), UnicodeError("label too long"), None])
@under_trio
async def test_a_name_without_address_is_unreachable(fault: Exception | None) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        await trio.lowlevel.checkpoint()
        if fault is not None:
            raise fault
        return []

    with pytest.raises(ProviderUnreachableError, match=r"nowhere\.example has no address"):
        await TrioNetwork(resolve).connect_tcp("nowhere.example", 1)


@under_trio
async def test_a_resolver_that_gives_names_gives_nothing() -> None:
    with pytest.raises(ProviderUnreachableError, match="has no address"):
        await TrioNetwork(resolver("localhost", "127.0.0.1 or so")).connect_tcp("some.name", 1)


@under_trio
async def test_a_refused_connection_says_where_and_why() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ProviderUnreachableError, match=f"127.0.0.1 port {port}: connection refused"):
            await TrioNetwork().connect_tcp("127.0.0.1", port)


@under_trio
async def test_an_address_that_refuses_gives_way_to_the_next_at_once() -> None:
    async with serving(closed, "127.0.0.3") as port:
        addresses = ["127.0.0.2", "::1", "127.0.0.3"]
        with trio.fail_after(2 * dialing.NEXT_ADDRESS_AFTER_S):  # which is what waiting for each would take
            stream = await TrioNetwork(resolver(*addresses)).connect_tcp("some.name", port)
        stream.close()


@under_trio
async def test_all_addresses_refusing_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        network = TrioNetwork(resolver("127.0.0.1", "127.0.0.2"))
        with pytest.raises(ProviderUnreachableError, match="connection refused"):
            await network.connect_tcp("some.name", unused.getsockname()[1])


@under_trio
async def test_an_address_that_is_silent_is_overtaken_by_the_next() -> None:
    async with serving(closed, "127.0.0.3") as port:
        with silent("127.0.0.2", port):
            started = trio.current_time()
            stream = await TrioNetwork(resolver("127.0.0.2", "127.0.0.3")).connect_tcp("some.name", port)
            assert trio.current_time() - started >= dialing.NEXT_ADDRESS_AFTER_S
            stream.close()


@under_trio
async def test_addresses_that_answer_together_leave_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialing, "NEXT_ADDRESS_AFTER_S", 0)
    left_open = 0

    async def count(stream: trio.SocketStream) -> None:
        nonlocal left_open
        left_open += 1
        await closed(stream)
        left_open -= 1

    async with serving(count, "0.0.0.0") as port:
        addresses = [f"127.0.0.{number}" for number in range(2, 10)]
        stream = await TrioNetwork(resolver(*addresses)).connect_tcp("some.name", port)
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert left_open == 1
        stream.close()


@under_trio
async def test_a_second_winner_and_a_winner_that_nobody_wants_any_more_are_closed() -> None:
    async with serving(closed) as port:
        race = dialing._Race(port)
        for _ in range(2):
            await race._enter("127.0.0.1", trio.Event(), trio.CancelScope())
        winner = race.result()
        race.give_up()
        assert winner.fileno() == -1


@under_trio
async def test_connecting_can_be_cancelled() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.2", 0))
        port = unused.getsockname()[1]
    with silent("127.0.0.2", port), silent("127.0.0.3", port):
        for addresses in (["127.0.0.2"], ["127.0.0.2", "127.0.0.3"]):
            with trio.move_on_after(0.01) as scope:
                await TrioNetwork(resolver(*addresses)).connect_tcp("some.name", port)
            assert scope.cancelled_caught


@under_trio
async def test_small_writes_leave_at_once_and_dead_peers_are_noticed() -> None:
    async with serving(closed) as port:
        connected = await dialing.first_to_connect(["127.0.0.1"], port)
        with connected:
            assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
            assert connected.getblocking() is False


@under_trio
async def test_ipv6_loopback() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    try:
        async with serving(closed, "::1") as port:
            stream = await TrioNetwork().connect_tcp("::1", port)
            stream.close()
    except OSError:
        pytest.skip("no IPv6 loopback on this machine")
