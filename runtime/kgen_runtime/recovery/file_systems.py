"""Which kind of file system a folder is on, as far as Linux shows it."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORK: Final = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|ncpfs|afs|9p|ceph|glusterfs|lustre|beegfs|gpfs|gfs2|ocfs2|orangefs|coda"
    r"|fuse\.(sshfs|s3fs|goofys|gcsfuse|rclone|glusterfs|ceph.*|mount-s3|blobfuse2?|juicefs|nfs.*|smb.*)"
)
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def network_file_system(folder: Path) -> str | None:
    """The kind of the file system of a folder, which need not exist yet, if it is one that several machines
    share; None if it is not, or not known.
    """
    kind = None
    with suppress(OSError, ValueError, IndexError, RuntimeError):
        place = folder.resolve()
        for line in _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            before, _, after = line.partition(" - ")
            point = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), before.split(" ")[4])
            # The mount that comes last is on top; what is below another one comes after that.
            if place.is_relative_to(point):
                kind = after.split(" ")[0]
    return kind if kind is not None and _NETWORK.fullmatch(kind) else None
