"""Certificates that the settings name: looked at before anything is sent, so that each mistake is reported as
what it is.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ...errors import ConfigError

Certificate = str | tuple[str, str] | None
"""The path of a client certificate, or of it and its key."""


_BUNDLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name CAs; the last two are those of requests."""


def check_files(
    ca: str | None, cert: Certificate, *, ca_setting: str, cert_setting: str, key_setting: str = ""
) -> None:
    """Raises `ConfigError` if a CA bundle or client certificate that the settings name cannot be used;
    its `where` is the setting.
    """
    with _at(ca_setting):
        _check_bundle(ca, "the registry's CA")
    with _at(", ".join(filter(None, (cert_setting, key_setting)))):
        check_certificate(cert)


@contextmanager
def _at(setting: str) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        error.where = setting
        raise


def trusted(verify: bool | str, *, https: bool) -> bool | str:
    """The CA bundle to trust: the one given, else the environment's; True: requests' own.

    Raises `ConfigError` if it is not one; the environment's is looked at where it is needed (`https`), for
    nobody chose it for this registry.
    """
    if verify is not True:
        _check_bundle(verify, "the registry's CA")
        return verify
    for name in _BUNDLES:
        if bundle := os.environ.get(name):
            if https:
                _check_bundle(bundle, name)
            return bundle
    return True


def check_certificate(cert: Certificate) -> None:
    """Raises `ConfigError` if a client certificate cannot be used with its key."""
    if cert is None:
        return
    path, key = (cert, cert) if isinstance(cert, str) else cert
    for file in dict.fromkeys((path, key)):
        _check_readable(file, "the registry's client certificate")
    asked = []

    def password() -> str:
        asked.append(True)
        return ""

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path, key, password)
    except (ssl.SSLError, ValueError) as error:
        if asked:
            raise ConfigError(
                f"the key of the registry's client certificate is encrypted: {key}",
                hint="kgen asks for no password: give it a key without one, "
                "as `openssl pkey -in KEY -out PLAIN` writes.",
            ) from None
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            raise ConfigError(
                f"the key {key} is not that of the client certificate {path}",
                hint="KGEN_REGISTRY_CERT and KGEN_REGISTRY_KEY belong together.",
            ) from None
        raise ConfigError(_what(path, key), hint="It has to be PEM: text with -----BEGIN ...-----.") from None


def verifying(verify: bool | str, cert: Certificate) -> ssl.SSLContext:
    """TLS that shows `cert`, to whom `verify` trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        bundle = DEFAULT_CA_BUNDLE_PATH if verify is True else verify
        context.load_verify_locations(**{"capath" if Path(bundle).is_dir() else "cafile": bundle})
    if cert is not None:
        context.load_cert_chain(*((cert,) if isinstance(cert, str) else cert))
    return context


def _what(path: str, key: str) -> str:
    if "-----BEGIN CERTIFICATE" not in _text(path):
        return f"there is no certificate in {path}"
    if "PRIVATE KEY-----" not in _text(key):
        return f"there is no private key in {key}"
    return f"the client certificate {path} with the key {key} cannot be used"


def _text(path: str) -> str:
    return Path(path).read_bytes().decode("ascii", "replace")


def _check_bundle(bundle: bool | str | None, name: str) -> None:
    if not isinstance(bundle, str) or Path(bundle).is_dir():
        return
    _check_readable(bundle, name)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(bundle)
    except (ssl.SSLError, ValueError):
        raise ConfigError(
            f"{name}: there is no certificate in {bundle}",
            hint="It has to be PEM: text with -----BEGIN CERTIFICATE-----.",
        ) from None


def _check_readable(path: str, name: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise ConfigError(f"{name}: {path} cannot be read: {error.strerror or error}") from None
