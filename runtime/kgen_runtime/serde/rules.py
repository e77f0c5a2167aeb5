"""Data contracts: the rules that a registry keeps with a schema (`ruleSet`), and where they stop kgen.

Clients execute such rules on every write and read: they encrypt fields (ENCRYPT, ENCRYPT_PAYLOAD), check and
change values (CEL, CEL_FIELD), migrate between versions (JSONATA). kgen executes none so far. What it read or
wrote would look plain and not be: so a schema with a rule in force is neither read nor written, unless the
project says that its rules are to be ignored. Metadata and tags alone stop nothing.

This is the one place that decides it. What executes rules will be asked from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

from ..errors import RulesError
from ..reporting.printable import printable

OnRules: TypeAlias = Literal["refuse", "ignore"]

_SHOWN: Final = 3
_LONGEST: Final = 100  # characters of a rule's name


def in_force(answer: Any) -> tuple[str, ...]:
    """The rules of a schema, as the registry answered it, that are not disabled: `ENCRYPT card`, say.

    What is not of the documented form counts as a rule: nobody knows what it asks for.
    """
    rule_set = answer.get("ruleSet") if isinstance(answer, dict) else None
    if rule_set is None:
        return ()
    if not isinstance(rule_set, dict):
        return ("of an unknown form",)
    return tuple(label for group, rules in rule_set.items() for label in _labels(group, rules))


def check(answer: Any, what: str, on_rules: OnRules) -> None:
    """Raises `RulesError` if the schema that the registry answered has rules in force."""
    rules = () if on_rules == "ignore" else in_force(answer)
    if rules:
        raise refused(what, rules)


def refused(what: str, rules: tuple[str, ...]) -> RulesError:
    """The error for a schema, called `what`, with these rules."""
    more = f" and {len(rules) - _SHOWN} more" if len(rules) > _SHOWN else ""
    return RulesError(
        f"{what} has data contract rules, which kgen does not execute: {', '.join(rules[:_SHOWN])}{more}",
        hint='To read and write it as if it had none, set its subject to "ignore" under [rules] in kgen.toml '
        "and run `kgen pull`.",
    )


def _labels(group: str, rules: Any) -> Iterator[str]:
    if group == "enableAt" or not rules:
        return
    if not isinstance(rules, list):
        yield printable(f"{group} of an unknown form", _LONGEST)
        return
    for rule in rules:
        if not isinstance(rule, dict):
            yield printable(f"{group} of an unknown form", _LONGEST)
        elif rule.get("disabled") is not True:
            kind, name = rule.get("type") or rule.get("kind") or group, rule.get("name") or ""
            yield printable(f"{kind} {name}".strip(), _LONGEST)
