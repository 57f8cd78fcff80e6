"""Completion: what may come next, by the parsers' own tree and the names on this machine; in real shells."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kruxos.cli.complete import completed, written
from kruxos.cli.completing import Candidate, Known, candidates
from kruxos.cli.completions import SCRIPTS
from kruxos.cli.known_names import agent_names, names_in, provider_names
from kruxos.cli.main import NOUNS, parser_of
from tests.cli.running import ROOT, Kruxos

KNOWN = Known(lambda: ["claude-api", "deepseek"], lambda: ["code-bot"])
MODELS = """\
# providers:
providers:   # mine
  claude-api:
    type: anthropic
    limits:
      concurrency: 4
  # commented:
  "deep.seek": {type: openai}
defaults:
  chat: claude-api
"""


def next_words(line: str) -> list[str]:
    words = line.split(" ")
    return [each.word for each in candidates(parser_of(words[0]), words, KNOWN)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("model de", ["default"]),
        ("model default ", ["chat", "autonomous", "fallback"]),
        ("model default chat ", ["claude-api", "deepseek"]),
        ("model default chat cl", ["claude-api"]),
        ("model test --timeout 5 d", ["deepseek"]),
        ("model add ", []),
        ("model add anthropic --auth ", ["api-key", "oauth", "none"]),
        ("model add --name ", []),
        ("model remove --", ["--help", "--yes"]),
        ("model list --remote ", ["claude-api", "deepseek"]),
        ("agent show ", ["code-bot"]),
        ("agent create --name x --model ", ["claude-api", "deepseek"]),
        ("agent create --name ", []),
        ("chat --provider ", ["claude-api", "deepseek"]),
        ("chat --agent ", ["code-bot"]),
        ("worker restart d", ["deepseek"]),
        ("vault rotate ", ["model-provider:claude-api", "model-provider:deepseek"]),
        ("vault add model-provider:d", ["model-provider:deepseek"]),
        ("vault add model-provider:deepseek ", ["api-key"]),
        ("status --w", ["--watch"]),
        ("status ", []),
    ],
)
def test_what_may_come_next(line: str, words: list[str]) -> None:
    found = next_words(line)
    assert [each for each in found if each != "-h"] == words


def test_a_noun_is_completed_with_what_it_is_for() -> None:
    assert completed(["mod"]) == [Candidate("model", NOUNS["model"])]
    assert [each.word for each in completed([""])] == list(NOUNS)
    assert [each.word for each in completed(["--v"])] == ["--version"]
    assert completed(["nothing", ""]) == []


def test_providers_are_read_from_the_file_and_nothing_else_is_taken_for_one() -> None:
    assert list(names_in(MODELS)) == ["claude-api", "deep.seek"]
    assert list(names_in("")) == []


def test_names_are_read_from_the_data_directory_and_nothing_is_made_there(
    kruxos: Kruxos, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRUXOS_DATA_DIR", str(kruxos.root))
    assert (provider_names(), agent_names()) == ([], [])
    assert not kruxos.root.exists()
    kruxos.write_models(MODELS)
    kruxos.well("agent", "create", "--name", "code-bot", "--model", "claude-api")
    assert (provider_names(), agent_names()) == (["claude-api", "deep.seek"], ["code-bot"])


def test_each_shell_gets_words_in_its_own_form() -> None:
    candidate = Candidate("model-provider:x", "a\nkey")
    assert written(candidate, "bash") == "model-provider:x"
    assert written(candidate, "zsh") == "model-provider\\:x:a key"
    assert written(candidate, "fish") == "model-provider:x\ta key"


def test_completion_loads_nothing_heavy() -> None:
    code = (
        "import sys; from kruxos.cli.main import main\n"
        "main(['complete', 'bash', '--', 'model', 'default', 'chat', ''])\n"
        "print(sorted({'pydantic', 'yaml', 'trio', 'pynng', 'cryptography', 'httpx', 'sqlite3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


_ASK_BASH = """\
kruxos() { "$PYTHON" -m kruxos.cli "$@"; }
source "$SCRIPT"
COMP_LINE=$1 COMP_POINT=${#1}
COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
_kruxos
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("kruxos model def", ["default"]),
        ("kruxos model default chat ", ["claude-api", "deep.seek"]),
        ("kruxos vault rotate model-provider:cl", ["claude-api"]),
        ("kruxos config check ", [""]),
    ],
)
def test_bash_completes(kruxos: Kruxos, tmp_path: Path, line: str, reply: list[str]) -> None:
    kruxos.write_models(MODELS)
    script = tmp_path / "kruxos.bash"
    script.write_text(SCRIPTS["bash"])
    environment = kruxos.environment(PYTHON=sys.executable, SCRIPT=str(script))
    done = subprocess.run(
        ["bash", "-c", _ASK_BASH, "bash", line], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == reply, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_takes_its_lines(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    script = tmp_path / "script"
    script.write_text(SCRIPTS[shell])
    done = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
