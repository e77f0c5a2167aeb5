"""Runs datamodel-code-generator: a JSON list `[root class, schema]` a line on stdin, a line on stdout for
each, `{"text": …}` or `{"error": …}`. A process of its own, for schemas are not trusted to let it end.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from typing import Any

MEMORY = 4 << 30


def main() -> None:
    """All of stdin."""
    _limit()
    warnings.simplefilter("ignore")
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        for line in sys.stdin:
            root, schema = json.loads(line)
            try:
                answer = {"text": _generated(root, schema)}
            except (Exception, RecursionError) as error:  # noqa: BLE001 - whatever a schema makes of it
                answer = {"error": f"{type(error).__name__}: {error}"[:500]}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def _generated(root: str, schema: dict[str, Any]) -> str:
    from datamodel_code_generator import generate
    from datamodel_code_generator.enums import DataModelType, DefaultValueType, InputFileType, NamingStrategy
    from datamodel_code_generator.format import DatetimeClassType, Formatter, PythonVersion

    text = generate(
        json.dumps(schema),
        input_file_type=InputFileType.JsonSchema,
        output_model_type=DataModelType.PydanticV2BaseModel,
        output=None,
        class_name=root,
        base_class="kgen_runtime.serde.pydantic_model.JsonModel",
        target_python_version=PythonVersion.PY_310,
        # Names follow from the place in the schema, so they do not move when something else comes.
        naming_strategy=NamingStrategy.FullPath,
        use_title_as_name=True,
        # An alias inside of Annotated leaves type checkers with the attribute's name.
        field_constraints=True,
        use_annotated=True,
        strict_nullable=True,
        collapse_root_models=True,
        output_datetime_class=DatetimeClassType.Awaredatetime,
        use_standard_primitive_types=True,
        use_standard_collections=True,
        use_union_operator=True,
        use_schema_description=True,
        deserialize_default_values=[DefaultValueType.Enum],
        allow_remote_refs=False,
        strict_refs=True,
        # Not those of packages that may be there or not.
        formatters=[Formatter.BUILTIN],
        use_double_quotes=True,
        use_exact_imports=True,
        disable_timestamp=True,
        custom_file_header="#",
    )
    if not isinstance(text, str):
        raise TypeError("the models are not in one module")
    return text


def _limit() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    main()
