"""Starting a gateway because somebody said so, and waiting until it is up."""

from __future__ import annotations

import subprocess
import sys
import time

from kruxos.cli.failing import CommandError
from kruxos.cli.user_service import program

UP_WITHIN_S = 20.0
LOOK_EVERY_S = 0.1


def is_up() -> bool:
    """Whether a gateway answers."""
    from kruxos.client.control import ControlClient  # noqa: PLC0415 - help texts need none of this
    from kruxos.config.directory import DataDirectory  # noqa: PLC0415
    from kruxos.errors import GatewayUnreachableError  # noqa: PLC0415
    from kruxos.paths import control_socket  # noqa: PLC0415

    try:
        ControlClient(address=control_socket(DataDirectory.find().root)).call("status")
    except GatewayUnreachableError:
        return False
    return True


def wait_until_up(started: subprocess.Popen[bytes] | None = None) -> None:
    """Waits until a gateway answers. Raises ``CommandError`` where it ends, or takes too long."""
    give_up_at = time.monotonic() + UP_WITHIN_S
    while not is_up():
        if started is not None and started.poll() is not None:
            raise CommandError("the gateway ended again", "kruxos serve says why")
        if time.monotonic() > give_up_at:
            raise CommandError(f"the gateway does not answer after {UP_WITHIN_S:.0f} s", "kruxos logs --gateway")
        time.sleep(LOOK_EVERY_S)


def start_in_background() -> int:
    """Starts a gateway that outlives this command and its terminal, and waits until it answers; its pid."""
    nothing = subprocess.DEVNULL
    started = subprocess.Popen(  # noqa: S603 - this very program
        [*program(), "serve", "--quiet"], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
    )
    try:
        wait_until_up(started)
    except CommandError:
        if started.poll() is None:
            started.terminate()
        raise
    sys.stderr.flush()
    return started.pid
