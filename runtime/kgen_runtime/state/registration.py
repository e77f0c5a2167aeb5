"""Classes of generated code take part in what `kgen_runtime.state` promises."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..codec.slotted_classes import is_plain
from . import homes
from .homes import Binding
from .hooks import install

if TYPE_CHECKING:
    from ..serde.schemas import Schemas
    from .json_homes import JsonBinding
    from .proto_homes import ProtoBinding


_bindings: dict[type[Any], Binding | JsonBinding | ProtoBinding] = {}


def register(schemas: Schemas, classes: Mapping[str, type[Any]]) -> None:
    """The classes of a subject: their objects are pickled as `kgen_runtime.state` says from now on.

    A class that is known keeps the schema that it was first known by. One that pickles in a way of its own
    is left alone.
    """
    # The modules of a format are imported for its first class: they take a tenth of the start of a flow.
    if schemas.latest.type == "PROTOBUF":
        from .proto_homes import ProtoBinding
        from .proto_records import install_proto

        for name, cls in classes.items():
            _bindings.setdefault(cls, proto_binding := ProtoBinding(schemas, name, cls, classes))
            if _takes_part(cls):
                install_proto(proto_binding)
        return
    if schemas.latest.type == "JSON":
        from .json_homes import JsonBinding
        from .json_records import install_json

        for place, cls in classes.items():
            _bindings.setdefault(cls, json_binding := JsonBinding(schemas, place, cls, classes))
            if _takes_part(cls):
                install_json(json_binding)
        return
    home = homes.add(schemas, classes) if classes else None
    for name, cls in classes.items() if home else ():
        if home:
            _bindings.setdefault(cls, binding := Binding(home, name, cls))
            if _takes_part(cls):
                install(binding)


def binding_of(cls: type[Any]) -> Binding | JsonBinding | ProtoBinding | None:
    """The type of a schema that a class stands for; None for a class that no subject has."""
    return _bindings.get(cls)


def _takes_part(cls: type[Any]) -> bool:
    """Whether nothing but what kgen knows is in an object of the class."""
    if issubclass(cls, enum.Enum):
        return cls.__reduce_ex__ is enum.Enum.__reduce_ex__ and "__reduce__" not in vars(cls)
    own = ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__copy__", "__deepcopy__")
    return is_plain(cls) and not any(name in vars(base) for base in cls.__mro__[:-1] for name in own)
