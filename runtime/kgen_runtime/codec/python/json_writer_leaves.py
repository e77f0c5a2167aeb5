"""Nodes of the JSON writer in plain Python that write scalars."""

from __future__ import annotations

import enum
from typing import Any

from ..foreign import own_bool, own_number
from ..json import json_forms
from ..json.json_build import ConstantKey, constant_key
from ..json.json_refusals import no_constant, no_symbol, unwanted
from ..json.json_scalar_forms import JsonScalarForm, json_scalar_form
from .json_output import JsonOut


class JsonWriterNode:
    """Writes one type of value."""

    def takes(self, value: Any) -> bool:
        """Whether the value is of a Python type that this writes; what it holds is not looked at."""
        raise NotImplementedError

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the value. Raises `JsonRefusedError`."""
        raise NotImplementedError


class JsonScalarWriterNode(JsonWriterNode):
    """A scalar."""

    def __init__(self, form: JsonScalarForm) -> None:
        self.form = form

    def takes(self, value: Any) -> bool:
        """Whether it is of the type."""
        return self.form.fits(self.form.own(value)) or self.form.raw(value) is not None

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the value."""
        form = self.form
        own = form.own(value)
        if form.fits(own):
            out.add(form.make, own, form.quoted)
        else:
            out.add(self._raw, value, form.quoted)

    def _raw(self, value: Any) -> bytes:
        text = self.form.raw(value)
        if text is None:
            raise unwanted(self.form.wanted, value)
        return text


class JsonEnumWriterNode(JsonWriterNode):
    """`members` are the class's in the order of the symbols; the symbols are accepted too."""

    def __init__(
        self, name: str, symbols: tuple[str, ...], cls: type[Any] | None, members: tuple[Any, ...]
    ) -> None:
        self.cls = cls
        self.title = name if cls is None else cls.__qualname__
        self.texts = {symbol: json_forms.text_of_string(symbol) for symbol in symbols}
        self.members = {id(member): self.texts[symbol] for member, symbol in zip(members, symbols)}

    def takes(self, value: Any) -> bool:
        """Whether it is one of them."""
        return self._text(value) is not None

    def _text(self, value: Any) -> bytes | None:
        if self.cls is not None and type(value) is self.cls:
            return self.members.get(id(value))
        if not isinstance(value, str) or (self.cls is not None and isinstance(value, enum.Enum)):
            return None  # not even where another class has the same symbols
        return self.texts.get(value)

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the symbol."""
        text = self._text(value)
        if text is None:
            raise no_symbol(self.title, value)
        out.data += text


class JsonConstantWriterNode(JsonWriterNode):
    """One of several scalars, which is written as the schema has it."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.texts: dict[ConstantKey, bytes] = {}
        for value in values:
            self.texts.setdefault(constant_key(value), json_forms.text_of_constant(value))

    def takes(self, value: Any) -> bool:
        """Whether it equals one of them."""
        return self._text(value) is not None

    def _text(self, value: Any) -> bytes | None:
        own = own_bool(own_number(value))
        fits = own is None or isinstance(own, bool | int | float | str)
        return self.texts.get(constant_key(own)) if fits else None

    def write(self, out: JsonOut, value: Any) -> None:
        """Add the schema's value."""
        text = self._text(value)
        if text is None:
            raise no_constant(value)
        out.data += text


def json_scalar_writer(kind: str, scale: int) -> JsonScalarWriterNode:
    """The node of a scalar type: see `json_build.scalar_kind`."""
    return JsonScalarWriterNode(json_scalar_form(kind, scale))
