"""Schemas in files, before a registry has them: what `kgen check` holds against the registered versions and
`kgen push` registers.

- `schema_files.py`: the files of `schemas/own/` and those of a command line, with their subjects
- `used_names.py`: which names a schema defines, and which it uses
- `schema_positions.py`: the line and column of a place in a schema's text
- `reference_targets.py`: which subjects the files refer to, and the order in which these come first
- `placed.py`: the version that each file is, or would become, after those that are registered
- `verdicts.py`: whether that version may follow: what the registry says, and kgen
- `check_report.py`, `push_plan.py`: the answers of the two commands, as lines and JSON
"""
