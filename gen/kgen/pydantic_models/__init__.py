"""Models of JSON Schema subjects as pydantic models, by datamodel-code-generator.

one_schema          a schema and its references as one text, of known keywords alone
pydantic_texts      such schemas become Python, in a process of its own (`worker`), and what came back is
                    checked
pydantic_project    a `Project` with such modules in the place of dataclasses
"""
