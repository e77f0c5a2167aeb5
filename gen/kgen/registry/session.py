"""Opens the HTTP client for a registry, and closes it: the one place that makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kgen_runtime.serde.registry.certificates import check_files
from kgen_runtime.serde.registry.client import RegistryClient
from kgen_runtime.serde.registry.url import registry_url

from ..errors import ConfigError, RegistryError
from .api import Api


@dataclass(frozen=True)
class Setting:
    """A value, and where it comes from, as errors name it; both empty if nothing gives one."""

    value: str = field(default="", repr=False)  # a URL may hold a password
    origin: str = ""


@dataclass(frozen=True)
class Access:
    """How to reach a registry: URL, user and password or token, and the files for TLS."""

    url: Setting
    timeout: float = 600.0  # seconds for all that a command asks of it
    auth: tuple[str, str] | str | None = field(default=None, repr=False)
    ca: Setting = Setting()
    cert: Setting = Setting()
    key: Setting = Setting()


@contextmanager
def opened(
    access: Access,
    *,
    retries: int = 4,
    seconds: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Api]:
    """The registry, closed at the end; its errors say where the URL comes from. The rest is as for
    `connected`. Raises `ConfigError`.
    """
    with connected(access, retries=retries, seconds=seconds, say=say) as client:
        try:
            yield Api(client)
        except RegistryError as error:
            if not error.where or error.where.startswith(client.url):
                error.where = f"{error.where or client.url} (from {access.url.origin})"
            raise


@contextmanager
def connected(
    access: Access,
    *,
    retries: int = 4,
    seconds: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[RegistryClient]:
    """A client for the registry, closed at the end.

    Everything asked of it has to be answered within `seconds` (by default, and at most, `access.timeout`).
    `say` gets a line where that takes long. Raises `ConfigError`.
    """
    ca, cert, key = access.ca, access.cert, access.key
    pair = (cert.value, key.value) if cert.value and key.value else cert.value or None
    settings = {"ca_setting": ca.origin, "cert_setting": cert.origin, "key_setting": key.origin}
    check_files(ca.value or None, pair, **settings)
    _check_url(access.url)
    client = RegistryClient(
        access.url.value, auth=access.auth, verify=ca.value or True, cert=pair, retries=retries, say=say
    )
    try:
        yield client.lasting(min(access.timeout, seconds or access.timeout))
    finally:
        client.close()


def _check_url(url: Setting) -> None:
    """Raises `ConfigError`, which says where the URL comes from."""
    try:
        registry_url(url.value)
    except ConfigError as error:
        error.where = url.origin
        raise
