"""What pydantic finds wrong with a value, in plain words: at HTTP's doors, in messages and in settings.

Pydantic names Python's types and shows the members of an enumeration as Python does. Whoever sends a value, or sets it
in the environment, knows JSON and text.
"""

import re
from collections.abc import Mapping
from typing import Any

_PLAIN = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("list_type", "tuple_type"), "must be a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "must be a JSON object"),
    "string_type": "must be text",
    "missing": "is missing",
}
_SUBJECT = re.compile(r"^(?:Input|String|List|Tuple|Dictionary|Value) should ")
# `<Role.VIEWER: 'viewer'>`, as a Literal of an enumeration's members shows them.
_MEMBER = re.compile(r"<[\w.]+: ([^<>]*)>")


def in_words(finding: Mapping[str, Any]) -> str:
    """One of pydantic's `errors()`; its context is not needed."""
    kind, said = finding["type"], str(finding["msg"])
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in ("value_error", "assertion_error"):
        # Pydantic puts `Value error, ` before what the check said.
        return said.partition(", ")[2]
    told, found = _SUBJECT.subn("must ", said)
    return _MEMBER.sub(r"\1", told if found else said[:1].lower() + said[1:])
