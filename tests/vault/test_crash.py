"""Losing power in the middle of any write loses nothing: writers are killed, again and again, at no chosen moment."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from kruxos.config.directory import DataDirectory
from kruxos.config.secret import Secret
from kruxos.vault.vault import Vault, record_name
from tests.vault.conftest import HERE

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from pathlib import Path
from kruxos.config.directory import DataDirectory
from kruxos.config.model import Destination
from kruxos.config.secret import Secret
from kruxos.config.secret import Secret
from kruxos.vault.vault import Vault
vault = Vault.open(DataDirectory(Path(sys.argv[1])), environment={})
here = Destination("https://api.example:443")
number = int(sys.argv[3])
while True:
    number += 1
    if sys.argv[2] == "records":
        vault.replace(f"model-provider:p{number % 5}", "api-key", Secret(f"key-{number}"), here)
    else:
        vault.keep_key_in("file")
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def write_until_killed(data: DataDirectory, what: str, start: int, acknowledged: int) -> int:
    """Runs a writer, kills it after it has acknowledged so many writes; the number of the last one it told of."""
    command = [sys.executable, "-c", WRITER, str(data.root), what, str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        last = start
        for _ in range(acknowledged):
            last = int(process.stdout.readline())
        process.kill()
        rest = process.stdout.read().split(b"\n")[:-1]  # a line without its end was not told
        return int(rest[-1]) if rest else last


def test_every_acknowledged_record_is_there_after_a_kill(data: DataDirectory) -> None:
    chance, last = random.Random(1), 0
    for _ in range(10):
        last = write_until_killed(data, "records", last, chance.randint(1, 12))
        with Vault.open(data, environment={}) as vault:
            for slot in range(5):
                written = [number for number in range(1, last + 1) if number % 5 == slot]
                if written:
                    number = int(vault.get(record_name(f"p{slot}"), HERE).reveal().removeprefix("key-"))
                    assert number in (written[-1], written[-1] + 5), (
                        "the last told, or the one that was not told any more"
                    )
            problems = list(data.problems())
        assert not problems


def test_a_kill_during_a_change_of_key_leaves_a_vault_that_opens(data: DataDirectory) -> None:
    with Vault.open(data, environment={}) as vault:
        for slot in range(5):
            vault.add(record_name(f"p{slot}"), "api-key", Secret(f"key-{slot}"), HERE)
    chance = random.Random(2)
    for _ in range(8):
        write_until_killed(data, "keys", 0, chance.randint(1, 12))
        with Vault.open(data, environment={}) as vault:
            assert vault.status().state == "unlocked"
            found = [vault.get(record_name(f"p{slot}"), HERE).reveal() for slot in range(5)]
        assert found == [f"key-{slot}" for slot in range(5)]
    assert data.vault_key.read_text().count("\n") <= 1 + 8, "at most one key too many for each kill"
