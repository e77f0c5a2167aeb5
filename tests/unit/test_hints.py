"""What kgen's texts tell a user to do can be done: errors, hints, help, generated files, and the pages."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import kgen_runtime as rt
from kgen.cli import app
from kgen.errors import ConfigError
from kgen.project import config
from kgen_runtime import testing
from kgen_runtime.kafka import options
from kgen_runtime.runner import arguments

ROOT = Path(__file__).resolve().parents[2]


def texts_of(path: Path) -> Iterator[str]:
    """A page as it is; of Python what it says, with `{}` for what is put in."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield text
        return
    tree = ast.parse(text)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


PATHS = [
    *(path for folder in ("gen", "runtime") for path in (ROOT / folder).rglob("*.py")),
    *(path for path in (ROOT / "templates").rglob("*.j2") if ".css" not in path.suffixes),
    *(ROOT / "docs").rglob("*.md"),
    ROOT / "README.md",
]


@cache
def texts() -> list[tuple[str, str]]:
    """Where a text stands, and the text; parsed when asked for, not in each process that collects tests."""
    return [(str(path.relative_to(ROOT)), text) for path in PATHS for text in texts_of(path)]


def named(pattern: str) -> dict[tuple[str, ...], str]:
    """What the texts name: the groups of the pattern, and where it is named first."""
    found: dict[tuple[str, ...], str] = {}
    for path, text in texts():
        for match in re.finditer(pattern, text):
            found.setdefault(match.groups(), path)
    return found


def check(things: dict[tuple[str, ...], str], exists: Callable[..., bool], least: int) -> None:
    """All of them exist; so many are found that the pattern cannot have gone blind."""
    assert len(things) >= least
    assert {thing: path for thing, path in things.items() if not exists(*thing)} == {}


def is_option(command: str, option: str) -> bool:
    others = RUNNER if command == "run" else set()  # which it hands over
    return command in app._COMMANDS and option in {*options_of(command), *others, "-h", "--help"}


def options_of(command: str) -> set[str]:
    """Those of its own commands among them."""
    loaded = app._load(command)
    return {
        option
        for each in (loaded, *getattr(loaded, "commands", {}).values())
        for parameter in each.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }


RUNNER = {option for action in arguments._parser()._actions for option in action.option_strings}
OTHERS = {
    "--recovery-directory", "--snapshot-interval", "--workers-per-process",  # of bytewax.run
    "--advertised-listener-url", "--broker-port", "--cluster-id", "--listener-url", "--silent",
    "--storage-engine",  # of the local broker's program
    "--no-cache-dir", "--no-deps", "--python", "--wheel-dir", "--without-pip",  # of pip and venv
    "--theirs",  # of git
    "--build", "--detach", "--ulimit",  # of docker
    "--directory", "--gid", "--group", "--no-create-home", "--owner", "--uid",  # of a Dockerfile's programs
    "--now",  # of systemctl
}  # fmt: skip
"""Options of other programs, which kgen calls or explains."""


def test_commands_that_are_named_exist() -> None:
    check(named(r"`kgen ([a-z]+)\b"), lambda command: command in app._COMMANDS, 8)


def test_options_that_are_named_are_options_of_their_command() -> None:
    commands = "|".join(app._COMMANDS)
    found: dict[tuple[str, ...], str] = {}
    for (command, rest), path in named(rf"\bkgen ({commands})((?: [^`\n;,]*)?)").items():
        for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", re.split(r"kgen|python|[|&#]", rest)[0]):
            found.setdefault((command, option), path)
    check(found, is_option, 8)


def test_options_that_are_named_alone_exist() -> None:
    known = RUNNER | OTHERS | {"--help", "--version"}
    known |= {option for command in app._COMMANDS for option in options_of(command)}
    check(named(r"(?<![\w-])(--[a-z][a-z-]+)"), lambda option: option in known, 30)


def test_what_is_named_of_the_runtime_exists() -> None:
    check(named(r"\brt\.([A-Za-z_]\w*)"), lambda name: hasattr(rt, name), 30)
    check(named(r"\btesting\.([A-Za-z_]\w*)"), lambda name: hasattr(testing, name), 3)
    check(named(r"\b(?:python|python3) -m ([a-z_.]+)"), importable, 1)
    check(named(r"\bimport (kgen_runtime(?:\.[a-z_]+)*)"), importable, 1)


def importable(module: str) -> bool:
    return importlib.util.find_spec(module.rstrip(".")) is not None


def test_arguments_that_are_named_are_taken() -> None:
    def takes(name: str, argument: str) -> bool:
        return argument in inspect.signature(getattr(rt, name)).parameters

    check(named(r"\brt\.([A-Za-z_]\w*)\((?:[^()]*, )?([a-z_]+)="), takes, 10)


def test_variables_that_are_named_are_read() -> None:
    python = [text for path, text in texts() if path.endswith(".py")]
    read = {text for text in python if re.fullmatch(r"KGEN_[A-Z_]+", text)}
    kafka = {*options.OURS, *options.SHOWN, *options.PRODUCER_ONLY, *options.CONSUMER_ONLY}
    kafka |= {"sasl.username", "sasl.password"}

    def is_read(name: str) -> bool:
        return name in read or options.option_name(name.removeprefix("KGEN_KAFKA_")) in kafka

    check(named(r"\b(KGEN_[A-Z_]*[A-Z])\b"), is_read, 10)


def test_tables_of_kgen_toml_that_are_named_are_taken() -> None:
    def is_taken(table: str) -> bool:
        if table == "redacted":  # what stands for texts that are kept private
            return True
        try:
            config.parse(f"[{table}]\n")
        except ConfigError:
            return False
        return True

    check(named(r"(?:`|of kgen\.toml, |in kgen\.toml: ?)\[([a-z_]+)[\].]"), is_taken, 2)


def test_pages_and_their_sections_that_are_named_exist() -> None:
    def is_page(page: str) -> bool:
        return (ROOT / page).is_file()

    check(named(r"(?<![\w/])(docs/[\w/-]+\.md)"), is_page, 3)
    found = {
        (str((ROOT / path).parent / page if page else ROOT / path), *section): path
        for path, text in texts()
        if path.endswith(".md")
        for page, *section in re.findall(r"\]\(([\w./-]+\.md)?#([\w-]+)\)", text)
    }
    check(found, has_section, 5)


def has_section(page: str, section: str) -> bool:
    heads = re.findall(r"(?m)^#+ (.*)$", Path(page).read_text(encoding="utf-8"))
    return section in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_extras_that_are_named_can_be_installed() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = set(re.findall(r"(?m)^(\w+) = \[", project.partition("[project.optional-dependencies]")[2]))
    code = "".join(path.read_text(encoding="utf-8") for path in PATHS if path.suffix == ".py")
    calls = {(extra,): "install()" for extra in re.findall(r"\binstall\(\"(\w+)\"\)", code)}
    check({**named(r"kgen-streams\[([a-z]+)"), **calls}, lambda extra: extra in extras, 2)  # type: ignore[dict-item]
