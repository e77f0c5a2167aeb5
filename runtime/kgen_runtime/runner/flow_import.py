"""Finding a flow by the name that a command line gives, and why there is none."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from bytewax.dataflow import Dataflow

from ..errors import ConfigError
from ..reporting.call_site import failed_line, shown_line

_HINT_FOLDER: Final = "Is the name right? Run it in the folder that holds its package."
_FORM: Final = "python -m kgen_runtime.run package.module:name"


def load_builder(name: str) -> Callable[[Any], Any]:
    """The function that makes the flow of that name on a given broker: itself, or `build` beside it. Raises
    as `load` does.
    """
    module_name, _, attribute = name.partition(":")
    module = _module(name)
    found = _attribute(module, module_name, attribute or "flow")
    for each in (found, getattr(module, "build", None)):
        if callable(each) and not isinstance(each, Dataflow) and _parameters(each) == 1:
            made: Callable[[Any], Any] = each
            return made
    raise ConfigError(
        f"{module_name} has no function that makes the flow on a given broker",
        where=module.__file__,
        hint="def build(kafka: rt.Kafka) -> Dataflow, as in generated flows; or name it: MODULE:FUNCTION.",
    )


def _parameters(function: Callable[..., Any]) -> int:
    """How many arguments it needs; -1 where that cannot be found out."""
    try:
        return sum(
            each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
            for each in inspect.signature(function).parameters.values()
        )
    except (TypeError, ValueError):
        return -1


def flow_module(name: str) -> str:
    """The whole name of the module that a flow's name begins with."""
    module = name.partition(":")[0]
    return _package_of(Path(module).resolve())[1] if module.endswith(".py") else module


def load(name: str) -> Dataflow:
    """The flow called `package.module:attribute` or `path/to/file.py:attribute`; without a colon, the
    attribute is `flow`.

    Raises `ConfigError`, also where the module or one that it imports is not Python or cannot be imported;
    anything else that the user's code raises while it is imported goes through.
    """
    module_name, _, attribute = name.partition(":")
    attribute = attribute or "flow"
    found = _attribute(_module(name), module_name, attribute)
    if not isinstance(found, Dataflow) and callable(found):
        _check_call(found, module_name, attribute)
        found = found()
    if not isinstance(found, Dataflow):
        raise ConfigError(
            f"{attribute} is not a Dataflow, nor a function that makes one",
            where=module_name,
            hint=_FORM,
        )
    return found


def _module(name: str) -> ModuleType:
    """The module that a name begins with."""
    module_name, colon, attribute = name.partition(":")
    if module_name.startswith(".") or not module_name:
        raise ConfigError(f"{name!r} does not begin with the name of a module", hint=_FORM)
    if colon and not attribute:
        raise ConfigError(f"{name!r} names no flow after the colon", hint=f"{module_name}:flow, for example.")
    return _imported(_importable(module_name))


def _attribute(module: ModuleType, module_name: str, attribute: str) -> Any:
    if hasattr(module, attribute):
        return getattr(module, attribute)
    names = vars(module).items()
    flows = [name for name, value in names if isinstance(value, Dataflow)]
    own = [name for name, value in names if getattr(value, "__module__", "") == module.__name__]
    near = difflib.get_close_matches(attribute, [*flows, *own], 1)
    hint = f"Did you mean {module_name}:{near[0]}?" if near else _FORM
    if flows and not near:
        hint = f"It has {', '.join(f'{module_name}:{flow}' for flow in flows)}."
    raise ConfigError(f"{module_name} has no {attribute}", where=module.__file__, hint=hint)


def _check_call(function: Callable[..., Any], module: str, name: str) -> None:
    needed = [
        each.name
        for each in inspect.signature(function).parameters.values()
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    if needed:
        raise ConfigError(
            f"{name} wants arguments: {', '.join(needed)}",
            where=module,
            hint=f"Name the flow itself, most often {module}:flow.",
        )


def _imported(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise _absent(error.name, module) from None
        raise _import_failed(error, module) from error
    except ImportError as error:
        raise _import_failed(error, module) from error
    except SyntaxError as error:
        if not error.filename or error.filename.startswith("<"):
            raise  # of text that the user's code compiles
        raise _not_python(error, error.filename) from error
    except SystemExit as error:  # a script: its exit would look like the end of the flow
        where = failed_line("".join(traceback.format_exception(error))) or None
        hint = 'Put that line under: if __name__ == "__main__":'
        said = f": {error.code}" if isinstance(error.code, str) else ""
        raise ConfigError(f"{module} exits while it is imported{said}", where=where, hint=hint) from error


def _not_python(error: SyntaxError, file: str) -> ConfigError:
    line = (error.text or "").strip()
    return ConfigError(
        f"not valid Python: {error.msg}",
        where=shown_line(file, error.lineno or 1),
        hint=f"Correct that line: {line}" if line else "Correct the file.",
    )


def _import_failed(error: ImportError, module: str) -> ConfigError:
    """That an import fails in the module, or in one that it imports."""
    where = failed_line("".join(traceback.format_exception(error))) or None
    if "attempted relative import" in str(error):
        folder, whole = _whole_name(module)
        if whole != module:
            return ConfigError(
                f"{module} is in a package, which its name leaves out",
                where=where,
                hint=f"Name it {whole}:flow, and run it in {folder}.",
            )
    if isinstance(error, ModuleNotFoundError):
        hint = "Is the name right, and is its package installed in this environment?"
    else:
        hint = "Is the name right? After `kgen pull`, a generated name may have gone or changed."
    return ConfigError(f"{module} cannot be imported: {error}", where=where, hint=hint)


def _whole_name(module: str) -> tuple[Path, str]:
    """As `_package_of`, of a module that is on the path."""
    spec = importlib.util.find_spec(module)
    return _package_of(Path(spec.origin)) if spec and spec.origin else (Path.cwd(), module)


def _importable(module: str) -> str:
    """The module's name, its folder being on the path."""
    if module.endswith(".py"):
        return _importable_file(Path(module).resolve())
    sys.path.insert(0, str(Path.cwd()))
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        raise _absent(module, module)
    return module


def _absent(name: str, module: str) -> ConfigError:
    """That `name` is absent, of `module` or a package around it; the hint names a folder above that has
    it.
    """
    parts = module.split(".")
    path = Path(*parts)
    for folder in Path.cwd().parents if all(map(str.isidentifier, parts)) else ():
        if (folder / path).is_dir() or (folder / path).with_suffix(".py").is_file():
            return ConfigError(f"no module named {name}", hint=f"Run it in {folder}, which holds {parts[0]}.")
    return ConfigError(f"no module named {name}", hint=_HINT_FOLDER)


def _importable_file(path: Path) -> str:
    if not path.exists():
        raise ConfigError(f"there is no file {path}")
    folder, name = _package_of(path)
    sys.path.insert(0, str(folder))
    return name


def _package_of(path: Path) -> tuple[Path, str]:
    """The folder that holds the outermost package of a module's file, and the module's whole name."""
    parts = [path.stem]
    while (path.parent / "__init__.py").exists():
        path = path.parent
        parts.insert(0, path.name)
    return path.parent, ".".join(parts)
