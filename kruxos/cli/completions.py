"""``kruxos completions SHELL``: the few lines that make a shell ask `kruxos complete`."""

from __future__ import annotations

import argparse

from kruxos.cli.failing import OK
from kruxos.cli.parsing import Subparsers, example_text

# Bash cuts words at colons, and record names have one: the line is read by its spaces, and what stands before the colon
# taken off again.
_BASH = """\
_kruxos() {
    local line=${COMP_LINE:0:COMP_POINT} words current
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[${#words[@]} - 1]}
    local IFS=$'\\n'
    COMPREPLY=($(kruxos complete bash -- "${words[@]:1}" 2>/dev/null))
    if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*:}"}"}")
    fi
}
complete -o default -F _kruxos kruxos"""
_ZSH = """\
#compdef kruxos
_kruxos() {
    local -a found
    found=("${(@f)$(kruxos complete zsh -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "$found[1]" ]]; then
        _describe 'kruxos' found
    else
        _files
    fi
}
compdef _kruxos kruxos"""
_FISH = """\
function __kruxos_complete
    set -l words (commandline -opc) (commandline -ct)
    kruxos complete fish -- $words[2..-1] 2>/dev/null
end
complete -c kruxos -a '(__kruxos_complete)'"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}

_TEXT = """\
Print what makes a shell complete kruxos' commands, options, and the names of your providers and agents:
  bash: add  source <(kruxos completions bash)  to ~/.bashrc
  zsh:  add  source <(kruxos completions zsh)   to ~/.zshrc, after compinit
  fish: kruxos completions fish > ~/.config/fish/completions/kruxos.fish"""


def add_parser(subparsers: Subparsers) -> None:
    """The command's arguments."""
    examples = example_text("\n".join(f"kruxos completions {shell}" for shell in SCRIPTS))
    parser = subparsers.add_parser("completions", description=_TEXT, epilog=examples)
    parser.add_argument("shell", metavar="SHELL", choices=list(SCRIPTS), help="bash, zsh or fish")


def run(arguments: argparse.Namespace) -> int:
    """Prints the shell's lines."""
    print(SCRIPTS[arguments.shell])
    return OK
