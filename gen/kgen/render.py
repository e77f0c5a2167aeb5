"""A project as text: `{relative path: content}`, nothing written. The layout is in the templates, the line
breaks are here.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Literal

import jinja2

from .errors import SchemaError
from .model.names import import_key
from .model.project import FieldDef, FlowDef, Import, Module, Project, SerdeDef, Source, Symbol, TopicDef
from .model.subject_filter import excluding
from .progress_callback import ProgressCallback, silent
from .pycode import deflate, quote
from .pycode.expr import Alternatives, Expr, Group, alternatives, call, dict_of, flat, layout, list_of
from .template_environment import template_environment

RUNNER = "python -m kgen_runtime.run"
_WIDTH = 88  # what ruff and black take without configuration
_COMMENTED = len("    # ")


def kind(path: str) -> Literal["generated", "owned"]:
    """Whether kgen overwrites the file (and refuses where it was edited) or merges it, being the user's."""
    return "generated" if "_generated" in path.split("/")[:-1] else "owned"


def run_command(package: str, module: str) -> str:
    """The shell command that runs a generated flow and keeps its state and offsets in a folder of its own:
    one serves one flow.
    """
    return f"{RUNNER} {package}.flows.{module}:flow --recovery .recovery/{module}"


def render(project: Project, progress: ProgressCallback = silent) -> dict[str, str]:
    """Every file of the project by its relative POSIX path, sorted.

    Raises `SchemaError`, with the subject, if one would not be Python.
    """
    files = _files(project, progress)
    for done, (path, text) in enumerate(files.items(), 1):
        if error := _syntax_error(path, text):
            raise _not_python(project, path, error)
        progress(done, len(files), "files checked")
    return files


def modules(project: Project, names: Collection[str]) -> dict[str, str]:
    """The texts of some generated modules, by name."""
    found = (module for module in project.modules if module.name in names)
    return {module.name: _generated(project, module.sources, _module(module)) for module in found}


def _files(project: Project, progress: ProgressCallback) -> dict[str, str]:
    package = project.folder
    outer = [str(folder) for folder in PurePosixPath(package).parents][:-1]  # all but the project's folder
    files = {
        **{f"{folder}/__init__.py": _fill("outer_init.py") for folder in outer},
        f"{package}/__init__.py": _fill("package_init.py"),
        f"{package}/_generated/__init__.py": _generated(project, (), _fill("generated_init.py")),
        f"{package}/flows/__init__.py": _fill("flows_init.py"),
        "tests/__init__.py": _fill("tests_init.py"),
    }
    if project.schemas:
        schemas = _fill("schemas.py", subjects=project.schemas)
        files[f"{package}/_generated/_schemas.py"] = _generated(project, (), schemas)
    for done, module in enumerate(project.modules, 1):
        files[f"{package}/_generated/{module.name}.py"] = _generated(project, module.sources, _module(module))
        if module.topic and module.topic.flow:
            files[f"{package}/flows/{module.name}.py"] = _flow(project, module, module.topic)
            files[f"tests/test_{module.name}.py"] = _test(project, module.name, module.name, module.topic)
        progress(done, len(project.modules), "modules rendered")
    for flow in project.flows:
        files[f"{package}/flows/{flow.name}.py"] = _own_flow(project, flow)
        files[f"tests/test_{flow.name}.py"] = _test(project, flow.name, flow.source, flow.source_topic)
    return dict(sorted(files.items()))


def _syntax_error(path: str, text: str) -> str | None:
    try:
        compile(text, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        return f"{line}{error.msg if isinstance(error, SyntaxError) else error}"
    return None


def _not_python(project: Project, path: str, error: str) -> SchemaError:
    """No schema may come to this: templates and quoting are wrong somewhere."""
    name = path.rpartition("/")[2].removesuffix(".py").removeprefix("test_")
    sources = next((it.sources for it in project.modules if it.name == name), ())
    subjects = sorted({source.subject for source in sources})
    hint = "this is a mistake of kgen's: please report it"
    if subjects:
        hint = f"leave it out until it is fixed: --subject {excluding(subjects[0])}; {hint}"
    return SchemaError(
        f"what would be written to {path} is not Python: {error}",
        where=", ".join(map(quote.comment, subjects)) or path,
        hint=hint,
    )


def _generated(project: Project, sources: Iterable[Source], body: str) -> str:
    shown = [quote.comment(f"{s.subject} v{s.version} (id {s.id})") for s in sources]
    sha256 = hashlib.sha256(body.encode()).hexdigest()
    return _fill("header", version=project.kgen_version, sources=shown, sha256=sha256) + body


def _module(module: Module) -> str:
    if module.text is not None:
        return module.text
    defines = module.enums or module.records
    name = module.topic and quote.string(module.topic.name)
    return _fill(
        "module.py",
        module=module,
        imports=list(_imports(module)),
        exports=list_of(map(quote.string, module.exports)),
        topic=name and call("rt.Topic", name, key="key", value="value"),
        gap="\n" if defines else "",
    )


def _imports(module: Module) -> Iterable[str]:
    if module.uses_schemas:
        yield "from . import _schemas"
    by_module: dict[str, list[Import]] = {}
    for item in module.imports:
        by_module.setdefault(item.module, []).append(item)
    for source, items in by_module.items():
        plain = [item.name for item in items if item.local == item.name]
        lines = [(item.name, [f"{item.name} as {item.local}"]) for item in items if item.local != item.name]
        lines += [(plain[0], plain)] if plain else []
        yield from (
            _from(f".{source}", names) for _, names in sorted(lines, key=lambda it: import_key(it[0]))
        )


def _from(source: str, names: list[str]) -> str:
    line = f"from {source} import {', '.join(names)}"
    if len(line) <= _WIDTH:
        return line
    return f"from {source} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _flow(project: Project, module: Module, topic: TopicDef) -> str:
    command = run_command(project.package, module.name)
    doc = (
        f"Dataflow for the topic `{quote.inline(topic.name)}`. "
        f"Yours to edit: `kgen pull` merges schema changes into it.\n\n{_run_line(command)}"
    )
    policy = call("rt.DeadLetter", quote.string(f"{topic.name}.dlq"), "kafka")
    route = call("rt.route", '"errs"', "read.errs", "handled.errs", policy=policy)
    handle = Group("def handle(", ((f"{topic.parameter}: ", topic.value_type),), f") -> {topic.value_type}:")
    noun = topic.parameter.replace("_", " ")
    return _fill(
        "flow.py",
        doc=doc,
        module=module.name,
        topic=topic,
        handle=layout(handle, 0, 0),
        parameter=topic.parameter,
        cases=_cases(module.name, topic),
        handle_doc=f"Your logic, one {noun} at a time. None leaves the message out; what it raises goes to "
        "`errs` with the message.",
        read=call("rt.source", quote.string(module.name), "flow", f"{module.name}.topic", "kafka"),
        route=route,
        results=_results(module.name, topic, policy),
    )


def _cases(module: str, topic: TopicDef) -> list[str]:
    """The patterns that a flow has a branch for."""
    return ["None" if name == "None" else f"{module}.{name}()" for name in topic.cases]


def _results(module: str, topic: TopicDef, policy: Expr) -> list[str]:
    """The lines that write what a flow makes, for a comment: they build as they are."""
    name = quote.string(f"{topic.name}.out")
    made = call("rt.Topic", name, key=f"{module}.key", value=f"{module}.value")
    steps = (
        ("out = ", made),
        ("unsent = ", call("rt.sink", '"out"', "handled.oks", "out", "kafka")),
        ("", call("rt.route", '"out_errs"', "unsent", policy=policy)),
    )
    return "\n".join(
        _assign(before, expr, _COMMENTED).replace("\n" + " " * _COMMENTED, "\n") for before, expr in steps
    ).split("\n")


def _run_line(command: str) -> str:
    """How to run a flow, the command whole: on an indented line, which is not wrapped, if it is long."""
    line = f"Run: {command}"
    return line if len(line) + len('"""') * 2 <= _WIDTH else f"Run:\n    {command}"


def _own_flow(project: Project, flow: FlowDef) -> str:
    read, written = flow.source_topic, flow.target_topic
    doc = (
        f"Dataflow from the topic `{quote.inline(read.name)}` to `{quote.inline(written.name)}`. "
        "Yours to edit: `kgen pull` merges schema changes into it."
        f"\n\n{_run_line(run_command(project.package, flow.name))}"
    )
    policy = call("rt.DeadLetter", quote.string(f"{read.name}.dlq"), "kafka")
    rekeys = flow.keys[0] != flow.keys[1]
    before, after = (_generic("rt.Message", key, written.value_type) for key in flow.keys)
    errs = ["read.errs", "handled.errs", *([f"{flow.keyed}.errs"] if rekeys else [])]
    noun = flow.parameter.replace("_", " ")
    handled = "handled"
    if flow.nullable:  # type checkers would take a value that is None for one that is left out
        split = layout(_generic("rt.Split", before), 4, len("handled: "), len(" = rt.map_value("), _WIDTH)
        handled = f"handled: {split}"
    return _fill(
        "own_flow.py",
        doc=doc,
        flow=flow,
        stdlib=[f"from {module} import {name}" for module, name in flow.stdlib],
        generated=_from(".._generated", sorted((flow.source, flow.target), key=import_key)),
        handle=_signature(
            "handle", (f"{flow.parameter}: ", read.value_type), Alternatives((written.value_type, "None"))
        ),
        handle_doc=f"Your logic, one {noun} at a time: what to write of it. None leaves the message out; "
        "what it raises goes to `errs` with the message.",
        parameter=flow.parameter,
        cases=_cases(flow.source, read),
        rekey=_signature(flow.rekey, ("message: ", before), after) if rekeys else "",
        rekey_doc="The key to write a message with, which is of another type than the one it was read "
        "with. None: without a key.",
        read=call("rt.source", quote.string(flow.source), "flow", f"{flow.source}.topic", "kafka"),
        handled=f"{handled} = ",
        map_value=call("rt.map_value", '"handle"', "read.oks", "handle"),
        rekeyed=call("rt.map", quote.string("rekey"), "handled.oks", flow.rekey),
        route=call("rt.route", '"errs"', *errs, policy=policy),
        sink=call(
            "rt.sink",
            '"out"',
            f"{flow.keyed if rekeys else 'handled'}.oks",
            f"{flow.target}.topic",
            "kafka",
        ),
        out_route=call("rt.route", '"out_errs"', flow.unsent, policy=policy),
    )


def _generic(name: str, *arguments: Expr) -> Group:
    return Group(f"{name}[", tuple(("", each) for each in arguments), "]")


def _signature(name: str, parameter: tuple[str, Expr], returned: Expr) -> str:
    """The head of a function of one parameter."""
    line = flat(Group(f"def {name}(", (parameter,), f") -> {flat(returned)}:"))
    if len(line) <= _WIDTH:
        return line
    closing = f") -> {layout(returned, 0, len(') -> '), len(':'), _WIDTH)}:"
    return layout(Group(f"def {name}(", (parameter,), closing), 0, _WIDTH)


def _test(project: Project, flow: str, module: str, topic: TopicDef) -> str:
    doc = (
        f"Runs the flow of the topic `{quote.inline(topic.name)}` on sample messages of every known "
        "schema version. "
        "Yours to edit: `kgen pull` merges schema changes into it."
    )
    name = f"{module}.topic"
    samples = dict_of([(name, call("testing.samples", name, n=str(_samples(topic))))])
    return _fill(
        "test.py",
        doc=doc,
        imports=[
            _from(f"{project.package}._generated", [module]),
            _from(f"{project.package}.flows.{flow}", ["build"]),
        ],
        memory=call("testing.Memory", samples),
    )


def _samples(topic: TopicDef) -> int:
    # More than there are versions, and seldom another number.
    return next(n for n in (20, 200, 2000, topic.versions) if n >= topic.versions)


def _assign(before: str, expr: Expr, indent: int = 0) -> str:
    used = len(before) - before.rfind("\n") - 1
    if isinstance(expr, str) and indent + used + len(expr) > _WIDTH >= indent + 4 + len(expr):
        pad = " " * indent
        return f"{before}(\n{pad}    {expr}\n{pad})"
    return before + layout(expr, indent, used, width=_WIDTH)


def _assignment(field: FieldDef) -> str:
    type_ = flat(field.annotation)
    before = f"{field.name}: {type_}"
    if len(before) + len("     = (") > _WIDTH and " | " in before:
        inside = type_ if len(type_) + 8 <= _WIDTH else "\n        | ".join(alternatives(type_))
        before = f"{field.name}: (\n        {inside}\n    )"
    if field.default is None:
        return before
    last = len(before) - before.rfind("\n") - 1
    if isinstance(field.default, Group) and last + len(f"     = {field.default.opening}") > _WIDTH:
        return f"{before} = (\n        {layout(field.default, 8, 0, width=_WIDTH)}\n    )"
    return _assign(f"{before} = ", field.default, 4)


def _member(symbol: Symbol) -> str:
    return _assign(f"{symbol.name} = ", symbol.wire, 4)


def _enum(name: str, base: str) -> str:
    line = f"class {name}({base}):"
    return line if len(line) <= _WIDTH else f"class {name}(\n    {base}\n):"


def _serde(role: str, serde: SerdeDef) -> str:
    return _assign(f"{role}: rt.Serde[{flat(serde.type)}] = ", serde.serde)


def _private_aliases(name: str, aliases: Iterable[str]) -> str:
    return "\n".join(f"{alias}: TypeAlias = {name}" for alias in aliases)


def _docstring(text: str, indent: int = 0) -> str:
    return quote.docstring(text, indent, _WIDTH)


def _argument(expr: Expr, indent: int) -> str:
    return layout(expr, indent, 0, 1, _WIDTH)


@lru_cache(maxsize=4096)
def _packed(texts: tuple[str, ...]) -> str:
    """Texts as `kgen_runtime.VendoredSubject` takes them."""
    return base64.encodebytes(deflate.compress("\0".join(texts).encode())).decode().rstrip("\n")


_FILTERS: dict[str, Callable[..., str]] = {
    "argument": _argument,
    "assign": _assign,
    "assignment": _assignment,
    "docstring": _docstring,
    "enum": _enum,
    "member": _member,
    "packed": _packed,
    "private_aliases": _private_aliases,
    "serde": _serde,
    "string": quote.string,
}


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return template_environment(_FILTERS)  # for Python: text goes through `quote`


def _fill(template: str, **values: Any) -> str:
    return _environment().get_template(f"{template}.j2").render(**values)
