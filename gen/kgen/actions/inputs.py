"""What a command was asked for, and the settings in force.

A flag goes before the environment, and that before kgen.toml (`in_force`). No other module reads the
environment for these settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import ConfigError
from ..progress_callback import ProgressCallback, silent
from ..project import config
from ..project.config import Config, ConflictMode
from ..registry import Access, Setting

_URL = "KGEN_REGISTRY_URL"
_BROKERS = "KGEN_BROKERS"
_DEV_BROKERS = "_KGEN_DEV_BROKERS"
_DEFAULTS = config.Registry("")


def _quiet(_: str) -> None:
    """Says nothing."""


@dataclass(frozen=True)
class Workspace:
    """The project's folder, and where an action reports to while it works."""

    root: Path
    say: Callable[[str], None] = _quiet
    progress: ProgressCallback = silent


@dataclass(frozen=True)
class Flags:
    """What the command line says instead of kgen.toml. None: as that says."""

    registry: str | None = None
    subjects: tuple[str, ...] = ()
    package: str | None = None
    all_versions: bool | None = None
    conflict: ConflictMode | None = None
    pins: Mapping[str, int | None] = field(default_factory=dict)  # None: no longer pinned


@dataclass(frozen=True)
class Settled:
    """The configuration in force, the registry's URL with where it comes from, and the text that kgen.toml
    should have (None: as it is).
    """

    config: Config
    url: Setting
    text: str | None


def in_force(
    variable: str,
    file: Setting,
    flag: Setting | None = None,
    environ: Mapping[str, str] | None = None,
) -> Setting:
    """The setting of the flag, else of the environment, else of kgen.toml; an empty one if none gives it."""
    env = os.environ if environ is None else environ
    given = (flag or Setting(), Setting(env.get(variable, ""), variable), file)
    return next((each for each in given if each.value), Setting())


def url_in_force(settings: config.Registry, flag: str | None) -> Setting:
    """The registry's URL. Raises `ConfigError` for an empty flag: most often a variable that is not set, and
    another registry is not meant.
    """
    if flag is not None and not flag.strip():
        hint = f"--registry http://localhost:8081, or leave it out: {_URL} or kgen.toml gives it then"
        raise ConfigError("the URL is empty", where="--registry", hint=hint)
    return in_force(_URL, Setting(settings.url, config.NAME), Setting(flag or "", "--registry"))


def brokers() -> str:
    """The brokers of the environment, for flows; empty if it has none."""
    return in_force(_BROKERS, Setting()).value


def dev_brokers() -> str:
    """The brokers of the `kgen dev` that started this command; empty if none did."""
    return in_force(_DEV_BROKERS, Setting()).value


def environ_of_dev(brokers: str) -> dict[str, str]:
    """The environment of a command that `kgen dev` starts: `KGEN_BROKERS` stays as the user's shell has it,
    for which the command prints lines to paste.
    """
    return {**os.environ, _DEV_BROKERS: brokers}


def brokers_in_force(file: str, flag: str | None) -> Setting:
    """The brokers of a command that reads or writes topics. Raises `ConfigError` if none are given."""
    if flag is not None and not flag.strip():
        raise ConfigError("there are no brokers", where="--brokers", hint="--brokers localhost:9092")
    found = in_force(
        _BROKERS, Setting(file, f"{config.NAME}, kafka.brokers"), Setting(flag or "", "--brokers")
    )
    if not found.value.strip():
        hint = f'--brokers localhost:9092, {_BROKERS}, or [kafka] brokers = "localhost:9092" in kgen.toml'
        raise ConfigError("no Kafka brokers are given", where=_BROKERS, hint=hint)
    return found


def settle(root: Path, flags: Flags, *, frozen: bool = False) -> Settled:
    """kgen.toml and the flags in one; if `frozen`, no registry is needed. Raises `ConfigError`."""
    text = config.read_text(root)
    if text is None:
        return _first(root, flags, frozen=frozen)
    found = config.parse(text)
    if flags.package not in (None, found.package):
        hint = f'set package = "{flags.package}" there and run `kgen pull`'
        raise ConfigError(f'kgen.toml names the package "{found.package}"', where=config.NAME, hint=hint)
    url = url_in_force(found.registry, flags.registry)
    return Settled(_overridden(found, flags), url, config.with_pins(text, flags.pins) if flags.pins else None)


def _first(root: Path, flags: Flags, *, frozen: bool) -> Settled:
    url = url_in_force(config.Registry(""), flags.registry)
    package = config.check_package(config.DEFAULT_PACKAGE if flags.package is None else flags.package)
    if not url.value and not frozen:
        folder = root.resolve()
        hint = f"kgen pull --registry URL: it would write kgen.toml and the package {package} into {folder}"
        raise ConfigError("there is no kgen.toml here nor in a folder above", where=str(folder), hint=hint)
    found = _overridden(Config(config.Registry(url.value), package, flags.subjects or ("*",)), flags)
    return Settled(found, url, None if frozen else config.first_text(found))


def _overridden(found: Config, flags: Flags) -> Config:
    return replace(
        found,
        all_versions=found.all_versions if flags.all_versions is None else flags.all_versions,
        conflict=flags.conflict or found.conflict,
        pins=config.pinned(found.pins, flags.pins),
    )


def access(
    settings: config.Registry, url: Setting, root: Path, environ: Mapping[str, str] | None = None
) -> Access:
    """How to reach the registry at `url`: files and secrets in force. Paths in kgen.toml are relative to
    `root`. Raises `ConfigError`.
    """
    env = os.environ if environ is None else environ
    ca = _file("ca", settings.ca, root, env)
    cert = _file("cert", settings.cert, root, env)
    key = _file("key", settings.key, root, env)
    if key.value and not cert.value:
        raise ConfigError(
            "a registry key is set without its certificate", hint="set registry.cert or KGEN_REGISTRY_CERT"
        )
    return Access(url, settings.timeout, _auth(settings, env), ca, cert, key)


def _file(name: str, setting: str | None, root: Path, env: Mapping[str, str]) -> Setting:
    """The path of a file that is there, and the setting that names it."""
    said = Setting(str(root / setting) if setting else "", f"kgen.toml, registry.{name}")
    found = in_force(f"KGEN_REGISTRY_{name.upper()}", said, environ=env)
    if found.value and not Path(found.value).is_file():
        raise ConfigError(f"there is no file {found.value}", where=found.origin)
    return found


def _auth(settings: config.Registry, env: Mapping[str, str]) -> tuple[str, str] | str | None:
    token = _secret(settings.token_env, _DEFAULTS.token_env, env)
    user = _secret(settings.user_env, _DEFAULTS.user_env, env)
    password = _secret(settings.password_env, _DEFAULTS.password_env, env)
    if token and (user or password):
        both = f"{settings.token_env} and {settings.user_env if user else settings.password_env}"
        raise ConfigError(f"both {both} are set", hint="unset one of them")
    if bool(user) != bool(password):
        missing = settings.password_env if user else settings.user_env
        raise ConfigError(f"{missing} is not set", hint="a user and a password go together")
    return token.strip() if token else ((user, password) if user and password else None)


def _secret(name: str, default: str, env: Mapping[str, str]) -> str | None:
    value = env.get(name, "").rstrip("\r\n")  # of a file
    if not value and name != default:
        raise ConfigError(
            f"{name} is not set", where="kgen.toml, registry", hint="kgen.toml says that it holds a secret"
        )
    return value or None
