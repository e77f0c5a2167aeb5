"""Makes the HTTP client for a registry, with the secrets that the configuration names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kgen_runtime.serde.registry.certificates import check_files
from kgen_runtime.serde.registry.client import RegistryClient
from kgen_runtime.serde.registry.url import registry_url

from ..errors import ConfigError, RegistryError
from ..project.config import Registry
from .api import Api

_DEFAULTS = Registry("")


@contextmanager
def opened(
    settings: Registry,
    root: Path,
    *,
    retries: int = 4,
    seconds: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Api]:
    """The registry of `settings`, closed at the end; its errors say where the URL comes from.

    The rest is as for `connect`. Raises `ConfigError`.
    """
    client = connect(settings, root, retries=retries, seconds=seconds, say=say)
    try:
        yield Api(client)
    except RegistryError as error:
        if not error.where or error.where.startswith(client.url):
            error.where = f"{error.where or client.url} (from {settings.origin})"
        raise
    finally:
        client.close()


def connect(
    settings: Registry,
    root: Path,
    environ: Mapping[str, str] | None = None,
    *,
    retries: int = 4,
    seconds: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> RegistryClient:
    """A client for the registry of `settings`; paths in it are relative to `root`.

    Everything asked of it has to be answered within `seconds` (by default, and at most, `settings.timeout`).
    `say` gets a line where that takes long. Raises `ConfigError`.
    """
    env = os.environ if environ is None else environ
    ca, ca_setting = _file(settings.ca, "registry.ca", root, env, "KGEN_REGISTRY_CA")
    cert, cert_setting = _file(settings.cert, "registry.cert", root, env, "KGEN_REGISTRY_CERT")
    key, key_setting = _file(settings.key, "registry.key", root, env, "KGEN_REGISTRY_KEY")
    if key and not cert:
        raise ConfigError(
            "a registry key is set without its certificate", hint="set registry.cert or KGEN_REGISTRY_CERT"
        )
    pair = (cert, key) if cert and key else cert
    check_files(ca, pair, ca_setting=ca_setting, cert_setting=cert_setting, key_setting=key_setting)
    _check_url(settings)
    client = RegistryClient(
        settings.url, auth=_auth(settings, env), verify=ca or True, cert=pair, retries=retries, say=say
    )
    return client.lasting(min(settings.timeout, seconds or settings.timeout))


def _check_url(settings: Registry) -> None:
    """Raises `ConfigError`, which says where the URL comes from."""
    try:
        registry_url(settings.url)
    except ConfigError as error:
        error.where = settings.origin
        raise


def _auth(settings: Registry, env: Mapping[str, str]) -> tuple[str, str] | str | None:
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


def _file(
    setting: str | None, name: str, root: Path, env: Mapping[str, str], variable: str
) -> tuple[str | None, str]:
    """The path of a file, and the setting that names it; None and an empty text where none does."""
    given = env.get(variable)
    value = given or (str(root / setting) if setting else None)
    where = "" if not value else variable if given else f"kgen.toml, {name}"
    if value and not Path(value).is_file():
        raise ConfigError(f"there is no file {value}", where=where)
    return value, where
