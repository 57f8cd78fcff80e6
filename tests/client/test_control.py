"""Operations through the control socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from kruxos.client import ControlClient
from kruxos.errors import BadRequestError, DeadlineExceededError, GatewayUnreachableError
from tests.client.conftest import FakeGateway

pytestmark = pytest.mark.real


def test_an_operation_returns_its_result(gateway: FakeGateway) -> None:
    assert isinstance(ControlClient().call("seen"), dict)
    assert (
        ControlClient(address=f"ipc://{gateway.data}/run/control/control.sock").call("wait", {"what": "x", "count": 0})
        == {}
    )


def test_an_operations_error_is_typed(gateway: FakeGateway) -> None:
    with pytest.raises(BadRequestError, match="no operation make_coffee") as caught:
        ControlClient().call("make_coffee", {"sugar": 2})
    assert caught.value.detail.field == "op"


def test_an_operation_may_take_only_its_time(gateway: FakeGateway) -> None:
    with pytest.raises(DeadlineExceededError, match=r"did not answer never within 0\.05 s"):
        ControlClient().call("never", timeout_s=0.05)


def test_without_a_gateway_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(GatewayUnreachableError, match="kruxos serve"):
        ControlClient(address=tmp_path / "control.sock").call("status")
