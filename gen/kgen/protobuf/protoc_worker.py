"""Runs protoc: a JSON object `{"main": name, "files": {name: text}}` a line on stdin, and on stdout for each
a line `{"set": descriptor set in base64}` or `{"error": what protoc prints}`. A text may be a file's
descriptor in base64, as some clients register it. Its arguments are the folder to work in and the folder of
kgen's own files. A process of its own, for files are not trusted to let it end.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final

MEMORY: Final = 2 << 30
"""Bytes of address space."""
SECONDS: Final = 20
"""Of the processor, for one text and what it imports."""
OUTPUT: Final = 64 << 20
"""Bytes of a descriptor set."""
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]+=*\s*")
_ERRORS: Final = 100_000  # characters that are read of what protoc prints


def main() -> None:
    """All of stdin."""
    work, own = Path(sys.argv[1]), Path(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    errors = work / "errors"
    # protoc prints to the descriptor of stderr itself.
    os.dup2(os.open(errors, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600), 2)
    os.dup2(2, 1)
    builtin = _builtin(work / "builtin", own)
    _limit_process()
    for number, line in enumerate(sys.stdin):
        _limit_time()
        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)
        folder = work / str(number)
        try:
            answer = _compiled(json.loads(line), folder, builtin, errors)
        except (OSError, MemoryError, ValueError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _compiled(job: dict[str, Any], folder: Path, builtin: Path, errors: Path) -> dict[str, str]:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from grpc_tools import protoc

    files = folder / "files"
    files.mkdir(parents=True)
    described = FileDescriptorSet()
    for name, text in job["files"].items():
        descriptor = _descriptor(text)
        if descriptor is not None:
            described.file.add(name=name).MergeFromString(descriptor)
            described.file[-1].name = name
            continue
        path = files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
    output = folder / "set"
    options = ["include_imports", "include_source_info"]
    if described.file:
        (folder / "described").write_bytes(described.SerializeToString())
        options.append(f"descriptor_set_in={folder / 'described'}")
    flags = [f"--{option}" for option in options]
    code = protoc.main(["protoc", f"-I{files}", f"-I{builtin}", *flags, f"-o{output}", job["main"]])
    if code == 0:
        return {"set": base64.b64encode(output.read_bytes()).decode()}
    printed = errors.read_bytes()[:_ERRORS].decode("utf-8", "replace")
    return {"error": printed.replace(str(files) + os.sep, "") or f"protoc ended with exit code {code}"}


def _descriptor(text: str) -> bytes | None:
    """The descriptor that a text is; None if it is not one in base64."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.message import DecodeError

    if _BASE64.fullmatch(text) is None:
        return None
    try:
        found = base64.b64decode("".join(text.split()), validate=True)
        FileDescriptorProto.FromString(found)
    except (ValueError, DecodeError):
        return None
    return found


def _builtin(folder: Path, own: Path) -> Path:
    """The files that every registry has built in, and none that happens to be installed beside them."""
    import google.type
    import grpc_tools

    includes = Path(grpc_tools.__file__).parent / "_proto" / "google" / "protobuf"
    for source, below in (
        (includes, "google/protobuf"),
        (Path(next(iter(google.type.__path__))), "google/type"),
        (own / "confluent", "confluent"),
    ):
        for path in sorted(source.rglob("*.proto")):
            target = folder / below / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return folder


def _limit_process() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + SECONDS, hard))


if __name__ == "__main__":
    main()
