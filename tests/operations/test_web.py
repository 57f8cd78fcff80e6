"""The dashboard's verb."""

from __future__ import annotations

from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.errors import GatewayUnreachableError
from kruxos.operations.performing import perform


def test_without_a_gateway_there_is_no_web_process(tmp_path: Path) -> None:
    with pytest.raises(GatewayUnreachableError, match="kruxos serve"):
        perform(DataDirectory(tmp_path), "web.start", {})
