"""The base of generated pydantic models. Generated code imports it, and nothing else of kgen does: it needs
pydantic, which is in an extra.
"""

from __future__ import annotations

from .pydantic_serde import require_pydantic

require_pydantic()  # before the import that would fail without a hint

from pydantic import BaseModel, ConfigDict  # noqa: E402


class JsonModel(BaseModel):
    """An object of a JSON Schema.

    Attributes have the names of Python, properties those of the schema (the alias): objects are made with the
    former, messages have the latter. What is assigned is validated as what is read.
    """

    model_config = ConfigDict(
        validate_by_name=True,
        validate_by_alias=True,
        validate_assignment=True,
        allow_inf_nan=False,
        protected_namespaces=(),  # a schema may have properties of any name
    )
