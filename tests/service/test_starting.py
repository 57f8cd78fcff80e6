"""What keeps a gateway from starting is told with what to do; what an earlier one left behind does not."""

from __future__ import annotations

import pytest

from tests.service.running import Installation

pytestmark = pytest.mark.real


def test_a_directory_where_no_session_would_have_room_for_its_socket_is_refused(own: Installation) -> None:
    root = own.kruxos.home / ("d" * (70 - len(str(own.kruxos.home))))
    root.mkdir(mode=0o700)
    done = own.kruxos("serve", KRUXOS_DATA_DIR=str(root))
    assert done.code != 0
    assert "use a shorter data directory" in done.err


@pytest.mark.parametrize("door", ["agents/agent.sock", "control/control.sock"])
def test_something_else_in_a_sockets_place_is_refused_and_stays(own: Installation, door: str) -> None:
    place = own.kruxos.root / "run" / door
    for directory in (place.parent.parent, place.parent):
        directory.mkdir(mode=0o700)
    place.write_text("precious")
    done = own.kruxos("serve")
    assert done.code != 0
    assert "is not a socket of this user: move it away" in done.err
    assert place.read_text() == "precious"


def test_a_second_gateway_in_the_same_directory_is_refused(own: Installation) -> None:
    with own.serving() as first:
        done = own.kruxos("serve")
        assert done.code != 0
        assert str(first.pid) in done.err
        assert own.status()["pid"] == first.pid
