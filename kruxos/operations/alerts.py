"""Alerts: sending one to see that it arrives."""

from __future__ import annotations

import time
from typing import Any

from kruxos.cores.alerting import Alert
from kruxos.operations.base import Context, Operation, refused


async def test(context: Context, arguments: dict[str, Any]) -> dict[str, Any]:
    """Sends an alert of the kind ``test`` by every way that models.yaml says; ``sent``: what came of each."""
    gateway = context.running()
    if gateway.config.alerts is None:
        raise refused("models.yaml has no `alerts:`", "such as `alerts: {command: [/usr/bin/logger, -t, kruxos]}`")
    sent = await gateway.alert(Alert("test", "gateway", "this is a test: alerts arrive", time.time()))
    return {"sent": sent}


OPERATIONS = (Operation("alerts.test", test),)
