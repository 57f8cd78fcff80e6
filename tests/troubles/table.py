"""What goes wrong for newcomers: how it comes about, what is typed then, and what must be said.

``cause`` and ``fix`` are words of the command's output: what is wrong, and what to type or do.
"""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.cli.running import ROOT, Done
from tests.troubles.scene import PASSPHRASE, Scene


@dataclass(frozen=True)
class Trouble:
    """One of them. ``shown`` is the command as the page has it, where that is not what was typed."""

    title: str
    command: str
    play: Callable[[Scene], Done]
    cause: str
    fix: str
    code: int = 1


ADD = "kruxos model add openai --name mine --endpoint {url}/v1 --model my-model"
MINE = """\
providers:
  mine:
    type: openai
    base_url: {url}/v1
    model: my-model
    auth: none
defaults:
  chat: mine
"""
LOCAL = """\
providers:
  local-default:
    type: local
    auth: none
    endpoint: {url}
    model: {model}
"""


def _mine(scene: Scene, models: str) -> None:
    """A provider with its key, and a gateway."""
    scene.models(models.replace("none", "api_key"))
    scene.well("kruxos vault add model-provider:mine api-key")
    scene.serve("mine")


def _wrong_key(scene: Scene) -> Done:
    scene.serve()
    scene.well(ADD, stdin="bad-key-0123456789\n")
    _ready(scene, "mine")
    return scene.run("kruxos model test mine")


def _ready(scene: Scene, *names: str) -> None:
    assert scene.gateway is not None
    scene.gateway.wait_ready(*names)


def _no_version(scene: Scene) -> Done:
    scene.serve()
    scene.well("kruxos model add openai --name mine --endpoint {url} --model my-model")
    _ready(scene, "mine")
    return scene.run("kruxos model test mine")


def _no_key(scene: Scene) -> Done:
    scene.models(MINE.replace("none", "api_key"))
    gateway = scene.serve()
    gateway.wait_log("mine: starting -> failed")
    return scene.run("kruxos model test mine")


def _locked(scene: Scene) -> Done:
    scene.well(ADD)
    scene.well("kruxos vault key passphrase", stdin=f"{PASSPHRASE}\n{PASSPHRASE}\n")
    gateway = scene.serve()
    gateway.wait_log("mine: starting -> failed")
    return scene.run("kruxos model test mine")


def _dead_gateway(scene: Scene) -> Done:
    scene.models(MINE)
    return scene.run("kruxos chat hello")


def _typo(scene: Scene) -> Done:
    scene.models(MINE.replace("base_url", "base_ulr"))
    return scene.run("kruxos config check")


def _tab(scene: Scene) -> Done:
    scene.models(MINE.replace("    model", "\tmodel"))
    return scene.run("kruxos config check")


def _pasted(scene: Scene) -> Done:
    scene.models(MINE.replace("auth: none", "api_key: sk-ant-api03-0123456789abcdefghij"))
    return scene.run("kruxos config check")


def _old_file(scene: Scene) -> Done:
    scene.models("model_list:\n  - model_name: gpt\n    litellm_params: {model: openai/gpt-4o}\n")
    return scene.run("kruxos config check")


def _port_taken(scene: Scene) -> Done:
    port = scene.url.rpartition(":")[2]
    return scene.run(f"kruxos simulate --port {port}")


def _open_to_others(scene: Scene) -> Done:
    scene.models(MINE)
    scene.kruxos.root.chmod(0o777)
    return scene.run("kruxos serve")


def _key_file_readable(scene: Scene) -> Done:
    scene.well(ADD)
    (scene.kruxos.root / "vault.key").chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP)
    return scene.run("kruxos serve")


def _expired_login(scene: Scene) -> Done:
    scene.models("providers:\n  openai-codex:\n    type: openai-codex\n    base_url: {url}/backend-api/codex\n")
    gateway = scene.serve()
    gateway.wait_log("openai-codex: starting -> failed")
    return scene.run("kruxos model test openai-codex")


def _unknown_model(scene: Scene) -> Done:
    _mine(scene, MINE.replace("my-model", "my-modle"))
    return scene.run("kruxos model test mine")


def _second_gateway(scene: Scene) -> Done:
    scene.serve()
    return scene.run("kruxos serve")


def _ollama_down(scene: Scene) -> Done:
    scene.models(LOCAL.replace("{model}", "llama3.3:8b").replace("{url}", "http://localhost:1"))
    scene.serve("local-default")
    return scene.run("kruxos model test local-default")


def _not_pulled(scene: Scene) -> Done:
    scene.models(LOCAL.replace("{model}", "llama3.3:8b"))
    scene.serve("local-default")
    return scene.run("kruxos model test local-default")


def _no_provider(scene: Scene) -> Done:
    scene.serve()
    return scene.run("kruxos chat hello")


def _revoked(scene: Scene) -> Done:
    scene.models(MINE)
    scene.serve("mine")
    token = scene.run("kruxos agent create --name code-bot").out.partition("Token: ")[2].split()[0]
    scene.well("kruxos agent revoke code-bot")
    return scene.run("kruxos chat hello", KRUXOS_AGENT_TOKEN=token)


def _name_taken(scene: Scene) -> Done:
    scene.well("kruxos agent create --name code-bot")
    return scene.run("kruxos agent create --name code-bot")


def _other_directory(scene: Scene) -> Done:
    scene.models(MINE)
    scene.serve("mine")
    return scene.run("kruxos chat hello", KRUXOS_DATA_DIR=str(scene.home / "other"))


def _long_path(scene: Scene) -> Done:
    return scene.run("kruxos serve", KRUXOS_DATA_DIR=str(scene.home / ("x" * 90)))


def _clock(scene: Scene) -> Done:
    _mine(scene, MINE)
    scene.well("kruxos chat hello")
    scene.stop()
    with sqlite3.connect(scene.kruxos.root / "ledger.db") as ledger:
        ledger.execute("update calls set started_at = ?", (time.time() + 7200,))
    ledger.close()
    scene.serve("mine")
    return scene.run("kruxos verify --quiet")


def _proxy_down(scene: Scene) -> Done:
    scene.models(f"proxy: http://127.0.0.1:1\n{MINE.replace('{url}', 'https://my-api.example.com')}")
    scene.serve("mine")
    return scene.run("kruxos model test mine")


def _intercepted(scene: Scene) -> Done:
    scene.models(MINE.replace("{url}", scene.foreign_https()))
    scene.serve("mine")
    return scene.run("kruxos model test mine")


def _no_credit(scene: Scene) -> Done:
    _mine(scene, MINE.replace("{url}/v1", "{url}/deepseek").replace("my-model", "deepseek-flash"))
    scene.simulator.fault("quota")
    return scene.run("kruxos model test mine")


def _rate_limit(scene: Scene) -> Done:
    _mine(scene, MINE)
    scene.simulator.fault("429 retry_after=60")
    return scene.run("kruxos model test mine")


def _moved_address(scene: Scene) -> Done:
    scene.well(ADD)
    scene.models(MINE.replace("none", "api_key").replace("{url}", "https://my-api.example.com"))
    gateway = scene.serve()
    gateway.wait_log("mine: starting -> failed")
    return scene.run("kruxos model test mine")


def _misspelt(scene: Scene) -> Done:
    scene.models(MINE)
    return scene.run("kruxos model default chat mien")


def _disabled(scene: Scene) -> Done:
    scene.models(MINE)
    scene.well("kruxos model disable mine")
    scene.serve()
    return scene.run("kruxos chat hello")


def _old_python(scene: Scene) -> Done:
    done = subprocess.run(
        [ROOT / "scripts/test"],
        capture_output=True,
        text=True,
        check=False,
        env=scene.kruxos.environment(KRUXOS_PYTHON="false"),
    )
    return Done(done.returncode, done.stdout, done.stderr)


def _full_disk(scene: Scene) -> Done:
    """On a file system of its own that is full. Needs a mount namespace."""
    scene.kruxos.root.mkdir(mode=0o700)
    script = (
        'mount -t tmpfs -o size=64k,mode=700 tmpfs "$KRUXOS_DATA_DIR"; '
        'head -c 60k /dev/zero >"$KRUXOS_DATA_DIR/filler"; exec "$@"'
    )
    done = subprocess.run(
        ["unshare", "-r", "-m", "sh", "-c", script, "sh", sys.executable, "-m", "kruxos.cli", "serve"],
        capture_output=True,
        text=True,
        check=False,
        env=scene.kruxos.environment(),
    )
    return Done(done.returncode, done.stdout, done.stderr)


TEST = "kruxos model test mine"
CHECK = "kruxos config check"
SERVE = "kruxos serve"
CHAT = "kruxos chat hello"
TROUBLES = (
    Trouble('Provider shows "no credentials configured"', TEST, _no_key, "no credentials configured",
            "kruxos vault add model-provider:mine api-key"),
    Trouble("The key is wrong", TEST, _wrong_key, "the provider refuses the key",
            "kruxos vault add model-provider:mine api-key"),
    Trouble("An OpenAI-compatible provider returns 404", TEST, _no_version, "nothing answers at",
            "check that your base_url includes /v1"),
    Trouble("Rate limit errors", TEST, _rate_limit, "rate limit reached", "kruxos model default fallback NAME"),
    Trouble("The account is out of credit", TEST, _no_credit, "credit", "top up"),
    Trouble("The model is not known to the provider", TEST, _unknown_model, "does not have my-modle", "my-model"),
    Trouble("The vault is locked", TEST, _locked, "locked vault", "kruxos vault unlock"),
    Trouble("The login has expired", "kruxos model test openai-codex", _expired_login, "login has ended",
            "kruxos model login openai-codex"),
    Trouble("The provider's address has changed", TEST, _moved_address, "its address has changed",
            "kruxos model confirm mine"),
    Trouble("The gateway is not running", CHAT, _dead_gateway, "no gateway", "kruxos serve", 3),
    Trouble("The command looks in another data directory", CHAT, _other_directory, "other", "KRUXOS_DATA_DIR", 3),
    Trouble("A second gateway is started", SERVE, _second_gateway, "works in the data directory", "kill"),
    Trouble("No provider available", CHAT, _no_provider, "no provider available", "kruxos model add"),
    Trouble("The provider is disabled", CHAT, _disabled, "disabled", "kruxos model enable mine"),
    Trouble("A provider's name is misspelt", "kruxos model default chat mien", _misspelt, "there is no provider mien",
            "mine"),
    Trouble("A typing error in models.yaml", CHECK, _typo, "models.yaml:4:5", "did you mean `base_url`?"),
    Trouble("A tab in models.yaml", CHECK, _tab, "models.yaml:5:1", "indent with spaces only"),
    Trouble("A key is pasted into models.yaml", CHECK, _pasted, "models.yaml:6:14", "kruxos vault import"),
    Trouble("models.yaml is another program's", CHECK, _old_file, "model_list", "providers"),
    Trouble("Ollama is not running", "kruxos model test local-default", _ollama_down, "Ollama does not answer",
            "ollama serve"),
    Trouble("No model is pulled", "kruxos model test local-default", _not_pulled, "does not have llama3.3:8b",
            "ollama pull llama3.3:8b"),
    Trouble("The agent's token was revoked", CHAT, _revoked, "is revoked", "kruxos agent restore code-bot"),
    Trouble("The agent's name is taken", "kruxos agent create --name code-bot", _name_taken, "already", "kruxos agent"),
    Trouble("Others can use the data directory", SERVE, _open_to_others, "can be changed by others", "chmod 700"),
    Trouble("Others can read the vault's key", SERVE, _key_file_readable, "can be read by others", "chmod 600"),
    Trouble("The data directory's path is too long for sockets", SERVE, _long_path, "too long", "KRUXOS_DATA_DIR"),
    Trouble("The port is taken", "kruxos simulate --port 8909", _port_taken, "is taken", "kruxos simulate --port 0", 2),
    Trouble("The disk is full", SERVE, _full_disk, "No space left", "free space"),
    Trouble("The clock is wrong", "kruxos verify --quiet", _clock, "behind the latest call", "timedatectl"),
    Trouble("The proxy is down", TEST, _proxy_down, "no connection through its proxy", "`proxy: none`"),
    Trouble("TLS is intercepted by an unknown authority", TEST, _intercepted, "is not trusted", "ca_bundle"),
    Trouble("Python is too old", "scripts/test", _old_python, "Python 3.11 or newer", "KRUXOS_PYTHON"),
)  # fmt: skip
