"""Which types of two .proto files are the same type, though their names or packages differ."""

from __future__ import annotations

from ..protobuf.proto_model import ProtoModel


def proto_type_pairs(old: ProtoModel, new: ProtoModel) -> dict[str, str]:
    """Old full name -> new full name: by the name itself; in another package by the name behind it, if no
    other type has that.
    """
    pairs = {name: name for name in old.names if name in new.names}
    gone = _behind_package(old, {*old.names} - {*pairs})
    came = _behind_package(new, {*new.names} - {*pairs})
    for nested, names in gone.items():
        if len(names) == len(came.get(nested, ())) == 1:
            pairs[names[0]] = came[nested][0]
    return pairs


def _behind_package(model: ProtoModel, names: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in model.names:
        if name in names:
            found.setdefault(_nested(model, name), []).append(name)
    return found


def _nested(model: ProtoModel, name: str) -> str:
    """The name without the package."""
    if name in model.files.nested:
        return ".".join(model.files.nested[name])
    message, oneof, member = name.rsplit(".", 2)
    return ".".join((*model.files.nested[message], oneof, member))
