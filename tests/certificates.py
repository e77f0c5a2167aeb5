"""Certificates of an authority of the tests' own, made by the openssl command."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files in PEM."""

    cert: Path
    key: Path


class Authority:
    """Issues certificates; `cert` is its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._own = self._pair("authority")
        _openssl(
            "req",
            "-x509",
            *_NEW,
            *_files(self._own),
            "-days",
            "2",
            "-subj",
            "/CN=authority of the tests",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",  # Python 3.13 wants one
        )

    @property
    def cert(self) -> Path:
        return self._own.cert

    def issue(self, name: str, *, names: str = "IP:127.0.0.1", days: int = 2) -> Pair:
        """`days` below 0: it has expired."""
        pair, request = self._pair(name), self._folder / f"{name}.csr"
        _openssl("req", *_NEW, "-keyout", str(pair.key), "-out", str(request), "-subj", f"/CN={name}")
        settings = self._folder / f"{name}.cnf"
        settings.write_text(f"subjectAltName={names}\n")
        signed = ["-CA", str(self._own.cert), "-CAkey", str(self._own.key), "-CAcreateserial"]
        until = ["-days", str(days)]
        _openssl(
            "x509",
            "-req",
            "-in",
            str(request),
            "-out",
            str(pair.cert),
            *signed,
            *until,
            "-extfile",
            str(settings),
        )
        return pair

    def server(self, pair: Pair, *, clients: bool = False) -> ssl.SSLContext:
        """TLS of a server with this certificate; `clients` may show one of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)
        if clients:
            context.load_verify_locations(self.cert)
            context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def _pair(self, name: str) -> Pair:
        return Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")


def encrypted(pair: Pair, folder: Path) -> Pair:
    """The same certificate, its key behind a password."""
    key = folder / "encrypted.key"
    _openssl("ec", "-in", str(pair.key), "-out", str(key), "-aes256", "-passout", "pass:secret")
    return Pair(pair.cert, key)


_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _files(pair: Pair) -> list[str]:
    return ["-keyout", str(pair.key), "-out", str(pair.cert)]


def _openssl(*args: str) -> None:
    done = subprocess.run(["openssl", *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
