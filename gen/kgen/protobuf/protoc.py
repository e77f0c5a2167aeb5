"""Files as protoc's descriptor set, made in a process of its own with bounds on time, memory and output."""

from __future__ import annotations

import atexit
import base64
import contextlib
import importlib.util
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Final

from ..errors import ConfigError, SchemaError
from .import_names import OWN_FILES, is_builtin, is_safe, main_name

HINT: Final = 'install it: pip install "kgen-streams[protobuf]"'
_SECONDS: Final = 60.0  # until an answer; usually it takes 0.3 s to start and 0.01 s for a file
_MOST_TEXT: Final = 16 << 20  # characters of all files of one schema
_LINE: Final = re.compile(r"(?P<file>[^\n:]+):(?P<line>\d+):(?P<column>\d+): (?!warning:)(?P<what>.+)")
_UNPLACED: Final = re.compile(r"(?P<file>[^\n:]+): (?!warning:)(?P<what>.+)")
_MISSING: Final = re.compile(r'Import "(?P<name>.*)" was not found or had errors\.')


def installed() -> bool:
    """Whether what the extra `protobuf` brings is there."""
    return all(map(_found, ("grpc_tools", "google.protobuf", "google.type")))


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # of the package above
        return False


def require_protoc() -> None:
    """Raises `ConfigError` if protoc is not installed."""
    if not installed():
        raise ConfigError("Protobuf schemas need protoc, which is not installed", hint=HINT)


def descriptor_set(text: str, references: Mapping[str, str]) -> bytes:
    """A file and all that it imports as a serialized `FileDescriptorSet`, itself last.

    `references` are the texts of the files that it imports, and of those that these import, by the names that
    imports have for them; what registries have built in is found without. Raises `SchemaError` with the line
    that protoc names, `ConfigError` if protoc is not installed.
    """
    require_protoc()
    for name in references:
        if not is_safe(name):
            raise SchemaError(f"an import may not be called {name[:200]!r}", where="/")
    if len(text) + sum(map(len, references.values())) > _MOST_TEXT:
        raise SchemaError(f"the files are longer than {_MOST_TEXT} characters", where="/")
    main = main_name(references)
    answer = _worker.asked({"main": main, "files": {**references, main: text}})
    if "set" in answer:
        return base64.b64decode(answer["set"])
    raise _refused(str(answer.get("error", "")), main)


def _refused(printed: str, main: str) -> SchemaError:
    """What protoc prints as one error: the first that says more than that another file has one."""
    found = [match for line in printed.splitlines() if (match := _LINE.match(line))]
    for match in found:
        missing = _MISSING.match(match["what"])
        if missing and any(other["file"] == missing["name"] for other in found):
            continue
        what = _what(match["what"]) if not missing else _not_there(missing["name"])
        place = f"line {match['line']}, column {match['column']}"
        return SchemaError(what, where=place if match["file"] == main else f"{match['file']}, {place}")
    plain = next((match for line in printed.splitlines() if (match := _UNPLACED.match(line))), None)
    text = plain["what"] if plain and plain["file"] in (main, "protoc") else printed.strip().split("\n")[0]
    return SchemaError(_what(text) or "protoc refuses it without a reason", where="/")


def _what(text: str) -> str:
    return text.strip().rstrip(".")[:500]


def _not_there(name: str) -> str:
    if not is_safe(name):
        return f"an import may not be called {name[:200]!r}"
    if is_builtin(name):
        return f"the import {name!r} is not one that registries have built in, and no reference has its name"
    return f"the import {name!r} is not among the schema's references"


class _Worker:
    """The process, started when it is first asked and ended with this one. One that does not answer is
    ended, and the next text gets a new one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def asked(self, job: Mapping[str, object]) -> dict[str, str]:
        """Its answer. What ends it is the text's fault: raises `SchemaError`."""
        line = json.dumps(job).encode() + b"\n"
        with self._lock:
            process = self._running()
            answer: queue.SimpleQueue[bytes] = queue.SimpleQueue()
            # Both at once: a pipe holds less than a text may be.
            threading.Thread(target=_exchange, args=(process, line, answer), daemon=True).start()
            try:
                found = answer.get(timeout=_SECONDS)
            except queue.Empty:
                self._end()
                raise SchemaError(f"protoc took more than {_SECONDS:.0f} s", where="/") from None
            except BaseException:  # Ctrl-C: an answer to this must not be taken for the next one's
                self._end()
                raise
            if not found.endswith(b"\n"):
                code = process.wait() if process.stdin else None
                self._end()
                raise SchemaError(f"protoc ended with exit code {code}: it takes too much", where="/")
        answered = json.loads(found)
        return {str(key): str(value) for key, value in answered.items()}

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._folder = tempfile.TemporaryDirectory(prefix="kgen-protoc-")
            command = [sys.executable, "-m", "kgen.protobuf.protoc_worker", self._folder.name, str(OWN_FILES)]
            secret = {name: value for name, value in os.environ.items() if not name.startswith("KGEN_")}
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and nothing of a schema
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._folder.name,
                env=secret,
                start_new_session=True,  # Ctrl-C is for this process, which ends that one
            )
        return self._process

    def _end(self) -> None:
        process, folder, self._process, self._folder = self._process, self._folder, None, None
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()
            for pipe in filter(None, (process.stdin, process.stdout)):
                with contextlib.suppress(OSError):
                    pipe.close()
        if folder is not None:
            folder.cleanup()

    def close(self) -> None:
        """Ends the process, if there is one."""
        with self._lock:
            self._end()


def _exchange(process: subprocess.Popen[bytes], line: bytes, answer: queue.SimpleQueue[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(line)
        process.stdin.flush()
        answer.put(process.stdout.readline())
    except (OSError, ValueError):
        answer.put(b"")


_worker = _Worker()
atexit.register(_worker.close)
