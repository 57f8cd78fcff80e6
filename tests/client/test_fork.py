"""Agents fork: the child must not touch its parent's connections, and must be able to make its own.

Each scenario is a script in a process of its own, because the process that runs the tests has nng's threads.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from tests.client.conftest import FakeGateway

pytestmark = pytest.mark.real

IN_CHILD = """
    import os, sys
    def in_child(function):
        pid = os.fork()
        if pid == 0:
            try:
                function()
            except BaseException as error:
                print("child failed:", repr(error), file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    def open_sockets():
        links = (os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd"))
        return sum(os.path.islink(link) and os.readlink(link).startswith("socket:") for link in links)
"""


def run(gateway: FakeGateway, script: str) -> None:
    source = textwrap.dedent(IN_CHILD) + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", source],
        env=gateway.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "done", "")


def test_a_blocking_client_goes_on_in_parent_and_child(gateway: FakeGateway) -> None:
    run(
        gateway,
        """
        from kruxos import BlockingClient
        client = BlockingClient()
        assert client.chat("hi").text == "hello"

        def child():
            assert open_sockets() == 0, "the parent's connection is closed here"
            assert client.chat("hi").text == "hello", "over a connection of its own"
            assert client.chat("count 3").text == "0 1 2 "
            client.close()

        for _ in range(3):
            assert in_child(child) == 0
            assert client.chat("hi").text == "hello"
        client.close()
        print("done")
        """,
    )
    assert gateway.seen("session") >= 4


def test_a_stream_under_way_stays_with_the_parent(gateway: FakeGateway) -> None:
    run(
        gateway,
        """
        from kruxos import BlockingClient, errors
        client = BlockingClient()
        with client.stream("count 200") as events:
            first = next(events)

            def child():
                try:
                    for _ in events:
                        pass
                except errors.ConnectionLostError as error:
                    assert "forked" in str(error)
                else:
                    raise AssertionError("the child read its parent's stream")
                events.__exit__(None, None, None)
                assert client.chat("hi").text == "hello"
                client.close()

            assert in_child(child) == 0
            assert len([first, *events]) == 200
        client.close()
        print("done")
        """,
    )


def test_a_lock_that_another_thread_held_does_not_hang_the_child(gateway: FakeGateway) -> None:
    run(
        gateway,
        """
        import threading
        from kruxos import BlockingClient, errors
        client = BlockingClient()
        client.chat("hi")
        stop = threading.Event()

        def busy():
            while not stop.is_set():
                client.chat("count 5")

        threads = [threading.Thread(target=busy) for _ in range(4)]
        for thread in threads:
            thread.start()

        def child():
            assert client.chat("hi").text == "hello"

        assert [in_child(child) for _ in range(10)] == [0] * 10
        stop.set()
        for thread in threads:
            thread.join()
        client.close()
        print("done")
        """,
    )


def test_a_child_that_inherits_an_async_client_does_not_disturb_it_and_may_open_it_again(gateway: FakeGateway) -> None:
    for backend in ("asyncio", "trio"):
        run(
            gateway,
            f"""
            import anyio
            from kruxos import Client
            client = Client()

            async def ask_again():
                async with client:
                    assert (await client.chat("hi")).text == "hello"

            async def refused():
                try:
                    await client.chat("hi")
                except RuntimeError as error:
                    assert "before a fork" in str(error)
                else:
                    raise AssertionError("the child used its parent's client")

            def use_it():
                import contextlib
                assert open_sockets() == before, "only the event loop's own"
                with contextlib.suppress(StopIteration):
                    refused().send(None)

            def open_it_anew():
                import threading

                def fresh():
                    anyio.run(ask_again, backend="{backend}")
                thread = threading.Thread(target=fresh)
                thread.start()
                thread.join()

            async def main():
                global before
                before = open_sockets()
                async with client:
                    assert (await client.chat("hi")).text == "hello"
                    assert open_sockets() == before + 1
                    async with client.stream("count 300") as events:
                        seen = [await anext(aiter(events))]
                        assert in_child(use_it) == 0
                        assert in_child(open_it_anew) == 0
                        async for event in events:
                            seen.append(event)
                    assert len(seen) == 300
                    assert (await client.chat("hi")).text == "hello"

            anyio.run(main, backend="{backend}")
            print("done")
            """,
        )


def test_a_child_born_in_an_agents_process_pool_may_ask(gateway: FakeGateway) -> None:
    run(
        gateway,
        """
        import multiprocessing
        from kruxos import BlockingClient
        client = BlockingClient()

        def ask(number):
            return client.chat(f"count {number}").text.count(" ")

        if __name__ == "__main__":
            client.chat("hi")
            with multiprocessing.get_context("fork").Pool(3) as pool:
                assert pool.map(ask, range(12)) == list(range(12))
            assert client.chat("hi").text == "hello"
            client.close()
            print("done")
        """,
    )
