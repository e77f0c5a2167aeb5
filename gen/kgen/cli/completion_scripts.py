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

from ..actions import graph
from ..topic_data.part_formats import FORMATS
from .app import app

Shell: TypeAlias = Literal["bash", "zsh", "fish"]


@dataclass(frozen=True)
class Values:
    """What an option or an argument takes: one of some words, names of a kind of `known_names`, paths; or
    what nobody can know, and then nothing is offered.
    """

    words: tuple[str, ...] = ()
    kind: str = ""
    paths: Literal["", "files", "folders"] = ""


_FREE = Values()
_FILES = Values(paths="files")
_FOLDERS = Values(paths="folders")
_SUBJECTS = Values(kind="subjects")
_TOPICS = Values(kind="topics")
_LETTERS = Values(kind="letters")
_FLOWS = Values(kind="flows")
_FORMATS = Values(FORMATS)

_TAKES: dict[str, Values] = {
    "subject": _SUBJECTS,
    "allow_incompatible": _SUBJECTS,
    "at": _SUBJECTS,
    "topic": _TOPICS,
    "topics": _TOPICS,
    "source": _TOPICS,
    "target": _TOPICS,
    "flow": _FLOWS,
    "key_format": _FORMATS,
    "value_format": _FORMATS,
    "form": Values(tuple(graph.FORMATS)),
    **dict.fromkeys(("file", "path", "output", "asyncapi"), _FILES),
    **dict.fromkeys(("out", "folder", "recovery"), _FOLDERS),
    **dict.fromkeys(
        ("begin", "until", "since", "count", "last", "limit", "top", "offset", "partition"), _FREE
    ),
    **dict.fromkeys(("where", "key", "key_field", "stage", "error_class", "fingerprint", "group"), _FREE),
    **dict.fromkeys(("broker_port", "brokers", "registry", "registry_port"), _FREE),
    **dict.fromkeys(("name", "package", "version", "versions", "create", "quarantine"), _FREE),
    **dict.fromkeys(("rate", "rounds"), _FREE),
}
"""By the name of a parameter; of those that another command calls so too, the next ones go before."""
_TAKES_OF: dict[tuple[str, str], Values] = {
    ("catalog", "html"): _FOLDERS,
    ("deploy", "names"): _FLOWS,
    ("deploy", "to"): _FOLDERS,
    ("dev", "seed"): _FOLDERS,
    ("dlq", "html"): _FILES,
    ("dlq", "to"): _TOPICS,
    ("dlq", "topic"): _LETTERS,
    ("help", "words"): _FREE,  # see `_with_help`
    ("run", "arguments"): _FLOWS,
    ("sample", "seed"): _FREE,
    ("sample", "subject"): Values(kind="subjects topics"),
    ("topics", "names"): _TOPICS,
}
_RUNNER_TAKES = {
    "--log-level": Values(("DEBUG", "INFO", "WARNING", "ERROR")),
    "--log-format": Values(("text", "json")),
    "--recovery": _FOLDERS,
}


@dataclass
class CompletedCommand:
    """A command: the words that lead to it, its sub-commands and flags (with their help), what each flag
    takes (None: nothing), and what its arguments are, of which the last may be given again if it `repeats`.
    """

    path: tuple[str, ...]
    commands: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    takes: dict[str, Values | None] = field(default_factory=dict)
    arguments: list[Values] = field(default_factory=list)
    repeats: bool = False


def script(shell: Shell) -> str:
    """The text to be sourced by that shell."""
    places = _with_help(list(_places(typer.main.get_command(app), ())))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](places)


def _places(command: Any, path: tuple[str, ...]) -> Iterator[CompletedCommand]:
    context = command.context_class(command)
    place = CompletedCommand(path)
    for param in command.get_params(context):
        values = values_of(param, path) or _FREE
        if param.param_type_name == "argument":
            place.arguments.append(values)
            place.repeats = param.nargs == -1
            continue
        for flag in (*param.opts, *param.secondary_opts):
            place.flags[flag] = _line(param.help or "")
            place.takes[flag] = None if is_bare(param) else values
    inner = command.list_commands(context) if hasattr(command, "list_commands") else ()
    found = {name: command.get_command(context, name) for name in inner}
    place.commands = {name: _line(each.get_short_help_str(80)) for name, each in found.items()}
    if path == ("run",):
        place.flags, place.takes = _runner_flags()
        place.repeats = False
    yield place
    for name, each in found.items():
        yield from _places(each, (*path, name))


def _with_help(places: list[CompletedCommand]) -> list[CompletedCommand]:
    """With what may follow `kgen help`: the commands once more, which take nothing there."""
    helped = next(place for place in places if place.path == ("help",))
    helped.commands, helped.arguments = places[0].commands, []
    return places + [CompletedCommand(("help", *it.path), it.commands) for it in places if it.path]


def _runner_flags() -> tuple[dict[str, str], dict[str, Values | None]]:
    flags = {flag: text for names, text, _ in options() for flag in names}
    takes = {
        flag: next((_RUNNER_TAKES[it] for it in names if it in _RUNNER_TAKES), _FREE) if valued else None
        for names, _, valued in options()
        for flag in names
    }
    return flags, takes


def is_bare(param: Any) -> bool:
    """Whether an option takes no value."""
    return bool(getattr(param, "is_flag", False)) or param.name == "help"


def values_of(param: Any, path: tuple[str, ...]) -> Values | None:
    """What a parameter of the command at `path` takes; None: nobody has said."""
    choices = _choices(param)
    if choices:
        return Values(choices)
    return _TAKES_OF.get((path[0] if path else "", param.name), _TAKES.get(param.name))


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
    arguments: Callable[[CompletedCommand, Values], str],
) -> dict[str, str]:
    """The branches of the four `case` of bash and zsh, by what each does: the words before, what follows a
    flag, the flags, and what else may stand there.
    """

    def case(pattern: str, act: str) -> str:
        return f"            {shlex.quote(pattern)}) {act} ;;"

    valued = sorted(_valued(places))
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
        if place.commands:
            found["arguments"].append(case(f"{at} 0", arguments(place, _FREE)))
        last = len(place.arguments) - 1
        for number, values in enumerate(place.arguments):
            pattern = f"{at} {number}"
            act = arguments(place, values)
            repeated = place.repeats and number == last
            found["arguments"].append(
                f"            {shlex.quote(f'{at} ')}*) {act} ;;" if repeated else case(pattern, act)
            )
    found["descents"].append(f"            {'|'.join(map(shlex.quote, valued))}) skip=1 ;;")
    return {name: "\n".join(lines) for name, lines in found.items()}


def _valued(places: list[CompletedCommand]) -> Iterator[str]:
    """The flags that take a value, after the words that lead to their command."""
    for place in places:
        at = "".join(f" {word}" for word in place.path)
        yield from (f"{at} {flag}" for flag, takes in place.takes.items() if takes is not None)


# ----------------------------------------------------------------------------------------------------- bash

_BASH = """\
# bash completion for kgen. Written by `kgen completion bash`; write it again after an upgrade.
_kgen_names() {{ command kgen __complete "$@" 2>/dev/null; }}
_kgen() {{
    local cur prev word at i nth skip
    cur="${{COMP_WORDS[COMP_CWORD]}}"
    prev="${{COMP_WORDS[COMP_CWORD-1]}}"
    [[ $cur == "=" ]] && cur=""
    [[ $prev == "=" ]] && prev="${{COMP_WORDS[COMP_CWORD-2]}}"
    at=""
    nth=0
    skip=""
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
        [[ $word == "=" ]] && continue
        if [[ -n $skip ]]; then
            skip=""
            continue
        fi
        case "$at $word" in
{descents}
            *" -"?*) ;;
            *) nth=$((nth + 1)) ;;
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
    case "$at $nth" in
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
        if values.paths:
            return f'COMPREPLY=($(compgen {"-d" if values.paths == "folders" else "-f"} -- "$cur"))'
        return "COMPREPLY=()"

    return _BASH.format(
        **_cases(
            places,
            lambda takes: reply(takes),
            lambda place: reply(Values(tuple(place.flags))),
            lambda place, values: reply(values, tuple(place.commands)),
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
    local cur prev word at i nth skip
    cur="${{words[CURRENT]}}"
    prev="${{words[CURRENT-1]}}"
    at=""
    nth=0
    skip=""
    for ((i = 2; i < CURRENT; i++)); do
        word="${{words[i]}}"
        if [[ -n $skip ]]; then
            skip=""
            continue
        fi
        case "$at $word" in
{descents}
            *" -"?*) ;;
            *) nth=$((nth + 1)) ;;
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
    case "$at $nth" in
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
        if values.paths:
            return "_files -/" if values.paths == "folders" else "_files"
        if not (values.kind or words):
            return ":"
        return " ".join(["_kgen_offer", what, shlex.quote(values.kind), *words])

    return _ZSH.format(
        **_cases(
            places,
            lambda takes: offer(takes.kind.partition(" ")[0] or "value", takes, {}),
            lambda place: offer("option", Values(), place.flags),
            lambda place, values: offer("command" if place.commands else "argument", values, place.commands),
        )
    )


# ----------------------------------------------------------------------------------------------------- fish


_FISH = """\
# fish completion for kgen. Written by `kgen completion fish`; write it again after an upgrade.
function __kgen_names; command kgen __complete described $argv 2>/dev/null; end
function __kgen_place
    set -l at
    set -l nth 0
    set -l skip
    for word in (commandline -opc)[2..-1]
        if test -n "$skip"
            set skip
            continue
        end
        switch (string join -- ' ' $at $word)
            case {descents}
                set -a at $word
            case {valued}
                set skip 1
            case - '* -'
                set nth (math $nth + 1)
            case '-*' '* -*'
            case '*'
                set nth (math $nth + 1)
        end
    end
    echo "$at"
    echo $nth
end
function __kgen_at
    set -l place (__kgen_place)
    test "$place[1]" = "$argv"
end
function __kgen_argument
    set -l place (__kgen_place)
    test "$place[1]" = "$argv[2..-1]" -a "$place[2]" = "$argv[1]"
end
function __kgen_arguments
    set -l place (__kgen_place)
    test "$place[1]" = "$argv[2..-1]" -a "$place[2]" -ge "$argv[1]"
end
complete -c kgen -f
"""


def _fish(places: list[CompletedCommand]) -> str:
    known = [" ".join((*place.path, name)) for place in places for name in place.commands]
    descents = " ".join(map(shlex.quote, known))
    valued = " ".join(shlex.quote(each.strip()) for each in _valued(places))
    lines = [_FISH.format(descents=descents, valued=valued).rstrip()]
    for place in places:
        path = " ".join(place.path)
        first = f"-n {shlex.quote(f'__kgen_argument 0 {path}'.rstrip())}"
        for name, text in place.commands.items():
            lines.append(f"complete -c kgen {first} -a {name} -d {_fish_quoted(text)}")
        for number, values in enumerate(place.arguments):
            repeated = place.repeats and number == len(place.arguments) - 1
            test = f"__kgen_argument{'s' if repeated else ''} {number} {path}"
            if values != _FREE:
                lines.append(f"complete -c kgen -n {shlex.quote(test)} {_fish_values(values)}")
        where = f"-n {shlex.quote(f'__kgen_at {path}'.rstrip())}"
        for flag, text in place.flags.items():
            name = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            takes = place.takes[flag]
            more = (
                ""
                if takes is None
                else f" {'-r' if takes.paths == 'files' else '-x'} {_fish_values(takes)}".rstrip()
            )
            lines.append(f"complete -c kgen {where} {name} -d {_fish_quoted(text)}{more}")
    return "\n".join(lines) + "\n"


def _fish_values(values: Values) -> str:
    if values.kind:
        return f"-a '(__kgen_names {values.kind})'"
    if values.words:
        return f"-a {_fish_quoted(' '.join(values.words))}"
    return {"": "", "files": "-F", "folders": "-a '(__fish_complete_directories)'"}[values.paths]


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
