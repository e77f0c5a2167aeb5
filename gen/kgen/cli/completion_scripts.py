"""What shells need to complete `kgen`: every command and flag, written out, so that a press of the key starts
no Python; for names of the project they ask `kgen __complete KIND…` (`project/known_names.py`).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args, get_origin

import typer.main

from kgen_runtime.runner.arguments import options

from .app import _COMMANDS, app

Shell: TypeAlias = Literal["bash", "zsh", "fish"]

_KINDS = {
    "subject": "subjects",
    "allow_incompatible": "subjects",
    "at": "subjects",
    "topic": "topics",
    "topics": "topics",
    "source": "topics",
    "target": "topics",
    "to": "topics",
    "flow": "flows",
}
"""Parameter -> the names that it takes, a kind of `known_names`."""


@dataclass(frozen=True)
class Values:
    """What an option or an argument takes: one of some words, names of a kind, or files."""

    words: tuple[str, ...] = ()
    kind: str = ""


@dataclass
class CompletedCommand:
    """A command: the words that lead to it, its sub-commands and flags (with their help), what each flag
    takes (None: nothing), and what its arguments do.
    """

    path: tuple[str, ...]
    commands: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    takes: dict[str, Values | None] = field(default_factory=dict)
    arguments: Values = Values()


def script(shell: Shell) -> str:
    """The text to be sourced by that shell."""
    places = list(_places(typer.main.get_command(app), ()))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](places)


def _places(command: Any, path: tuple[str, ...]) -> Iterator[CompletedCommand]:
    context = command.context_class(command)
    place = CompletedCommand(path)
    for param in command.get_params(context):
        values = _values(param, path)
        if param.param_type_name == "argument":
            place.arguments = values
            continue
        for flag in (*param.opts, *param.secondary_opts):
            place.flags[flag] = _line(param.help or "")
            place.takes[flag] = None if param.is_flag or param.name == "help" else values
    inner = command.list_commands(context) if hasattr(command, "list_commands") else ()
    found = {name: command.get_command(context, name) for name in inner}
    place.commands = {name: _line(each.get_short_help_str(80)) for name, each in found.items()}
    if path == ("run",):
        place.flags, place.takes, place.arguments = *_runner_flags(), Values(kind="flows")
    if path == ("help",):
        place.arguments = Values(_COMMANDS)
    yield place
    for name, each in found.items():
        yield from _places(each, (*path, name))


def _runner_flags() -> tuple[dict[str, str], dict[str, Values | None]]:
    flags = {flag: text for names, text, _ in options() for flag in names}
    takes = {flag: Values() if valued else None for names, _, valued in options() for flag in names}
    return flags, takes


def _values(param: Any, path: tuple[str, ...]) -> Values:
    choices = _choices(param)
    if choices:
        return Values(choices)
    kind = _KINDS.get(param.name or "", "")
    if path == ("sample",) and kind:
        kind = "subjects topics"
    if path[:1] == ("dlq",) and kind == "topics" and param.param_type_name == "argument":
        kind = "letters"
    return Values(kind=kind)


def _choices(param: Any) -> tuple[str, ...]:
    """The words that it takes, as the version of Typer has them."""
    found = getattr(getattr(param, "type", None), "choices", ())
    annotation = getattr(getattr(param, "type_descriptor", None), "annotation", None)
    return tuple(map(str, found or (get_args(annotation) if get_origin(annotation) is Literal else ())))


def _line(text: str) -> str:
    return " ".join(text.split()).replace("`", "")


def _cases(
    places: list[CompletedCommand],
    value: Callable[[Values], str],
    flags: Callable[[CompletedCommand], str],
    arguments: Callable[[CompletedCommand], str],
) -> dict[str, str]:
    """The branches of the four `case` of bash and zsh, by what each does: what follows a flag, the flags, and
    what else may stand there.
    """

    def case(pattern: str, act: str) -> str:
        return f"            {shlex.quote(pattern)}) {act} ;;"

    found: dict[str, list[str]] = {"descents": [], "values": [], "flags": [], "arguments": []}
    for place in places:
        at = "".join(f" {word}" for word in place.path)
        found["descents"] += [
            case(f"{at} {name}", f"at={shlex.quote(f'{at} {name}')}") for name in place.commands
        ]
        found["values"] += [
            case(f"{at} {flag}", f"{value(takes)}; return")
            for flag, takes in place.takes.items()
            if takes is not None
        ]
        found["flags"].append(case(at, flags(place)))
        found["arguments"].append(case(at, arguments(place)))
    return {name: "\n".join(lines) for name, lines in found.items()}


# ----------------------------------------------------------------------------------------------------- bash

_BASH = """\
# bash completion for kgen. Written by `kgen completion bash`; write it again after an upgrade.
_kgen_names() {{ command kgen __complete "$@" 2>/dev/null; }}
_kgen() {{
    local cur prev word at i
    cur="${{COMP_WORDS[COMP_CWORD]}}"
    prev="${{COMP_WORDS[COMP_CWORD-1]}}"
    [[ $cur == "=" ]] && cur=""
    [[ $prev == "=" ]] && prev="${{COMP_WORDS[COMP_CWORD-2]}}"
    at=""
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
        case "$at $word" in
{descents}
        esac
    done
    COMPREPLY=()
    case "$at $prev" in
{values}
    esac
    if [[ $cur == -* ]]; then
        case "$at" in
{flags}
        esac
        return
    fi
    case "$at" in
{arguments}
    esac
}}
complete -o filenames -F _kgen kgen
"""


def _bash(places: list[CompletedCommand]) -> str:
    def reply(values: Values, words: tuple[str, ...] = ()) -> str:
        every = " ".join((*words, *values.words))
        if values.kind:
            names = f"$(_kgen_names {values.kind})"
            return f'COMPREPLY=($(compgen -W "{every + " " if every else ""}{names}" -- "$cur"))'
        if every:
            return f'COMPREPLY=($(compgen -W "{every}" -- "$cur"))'
        return 'COMPREPLY=($(compgen -f -- "$cur"))'

    return _BASH.format(
        **_cases(
            places,
            lambda takes: reply(takes),
            lambda place: reply(Values(tuple(place.flags))),
            lambda place: reply(place.arguments, tuple(place.commands)),
        )
    )


# ------------------------------------------------------------------------------------------------------ zsh

_ZSH = """\
#compdef kgen
# zsh completion for kgen. Written by `kgen completion zsh`; write it again after an upgrade.
_kgen_offer() {{
    local -a items names
    if [[ -n $2 ]]; then
        names=("${{(@f)$(command kgen __complete described ${{=2}} 2>/dev/null)}}")
        names=("${{(@)names:#}}")
        names=("${{(@)names//:/\\:}}")
        items=("${{(@)names/$'\\t'/:}}")
    fi
    items+=("${{(@)@[3,-1]}}")
    (( $#items )) && _describe -t "$1" "$1" items
}}
_kgen() {{
    local cur prev word at i
    cur="${{words[CURRENT]}}"
    prev="${{words[CURRENT-1]}}"
    at=""
    for ((i = 2; i < CURRENT; i++)); do
        word="${{words[i]}}"
        case "$at $word" in
{descents}
        esac
    done
    if [[ $cur == --*=* ]]; then
        prev="${{cur%%=*}}"
        cur="${{cur#*=}}"
        compset -P "*="
    fi
    case "$at $prev" in
{values}
    esac
    if [[ $cur == -* ]]; then
        case "$at" in
{flags}
        esac
        return
    fi
    case "$at" in
{arguments}
    esac
}}
if [[ ${{funcstack[1]}} == _kgen ]]; then
    _kgen "$@"
else
    compdef _kgen kgen
fi
"""


def _zsh(places: list[CompletedCommand]) -> str:
    def offer(what: str, values: Values, described: dict[str, str]) -> str:
        words = [shlex.quote(f"{word}:{text}" if text else word) for word, text in described.items()]
        words += map(shlex.quote, values.words)
        if not (values.kind or words):
            return "_files"
        return " ".join(["_kgen_offer", what, shlex.quote(values.kind), *words])

    return _ZSH.format(
        **_cases(
            places,
            lambda takes: offer(takes.kind.partition(" ")[0] or "value", takes, {}),
            lambda place: offer("option", Values(), place.flags),
            lambda place: offer("command" if place.commands else "argument", place.arguments, place.commands),
        )
    )


# ----------------------------------------------------------------------------------------------------- fish


def _fish(places: list[CompletedCommand]) -> str:
    lines = [
        "# fish completion for kgen. Written by `kgen completion fish`; write it again after an upgrade.",
        "function __kgen_names; command kgen __complete described $argv 2>/dev/null; end",
        "function __kgen_at",
        "    set -l at",
        "    for word in (commandline -opc)[2..-1]",
        "        switch (string join -- ' ' $at $word)",
    ]
    known = [" ".join((*place.path, name)) for place in places for name in place.commands]
    lines += [
        f"            case {' '.join(shlex.quote(each) for each in known)}",
        "                set -a at $word",
        "        end",
        "    end",
        '    test "$at" = "$argv"',
        "end",
        "complete -c kgen -f",
    ]
    for place in places:
        where = f"-n {shlex.quote('__kgen_at ' + ' '.join(place.path))}"
        for name, text in place.commands.items():
            lines.append(f"complete -c kgen {where} -a {name} -d {_fish_quoted(text)}")
        if place.arguments.kind or place.arguments.words or not place.commands:
            lines.append(f"complete -c kgen {where} {_fish_values(place.arguments)}")
        for flag, text in place.flags.items():
            name = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            takes = place.takes[flag]
            more = (
                ""
                if takes is None
                else f" {'-x' if takes.kind or takes.words else '-r'} {_fish_values(takes)}"
            )
            lines.append(f"complete -c kgen {where} {name} -d {_fish_quoted(text)}{more}")
    return "\n".join(lines) + "\n"


def _fish_values(values: Values) -> str:
    if values.kind:
        return f"-a '(__kgen_names {values.kind})'"
    return f"-a {_fish_quoted(' '.join(values.words))}" if values.words else "-F"


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
