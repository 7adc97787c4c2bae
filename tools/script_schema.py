"""Writes `docs/script.schema.json`, the JSON Schema of scripts, from the models that read them.

Run by `make docs`; a test fails when the file differs. Editors complete and check scripts with it, so it says
what people write: nothing is null, names of fields carry the words of their models, and keys that do not fit a
name's pattern are refused. What it refuses the models refuse, too; the other way round the check knows more.
"""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from shared.scripts.conditions import CONDITION_KINDS
from shared.scripts.dialogue import LINE_KINDS
from shared.scripts.model import Script
from shared.scripts.steps import ALTERNATIVE_KINDS, STEP_KINDS
from shared.scripts.triggers import TRIGGER_KINDS

ROOT = Path(__file__).parent.parent
PATH = ROOT / "docs" / "script.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_KINDS = (TRIGGER_KINDS, CONDITION_KINDS, STEP_KINDS, ALTERNATIVE_KINDS, LINE_KINDS)


class _ForEditors(GenerateJsonSchema):
    """Pydantic's schema without what only programs write: nulls, the models' own defaults, made-up titles."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        written = isinstance(schema.get("default"), str | int | float) and schema.get("default") != ""
        return super().default_schema(schema) if written else self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def main() -> None:
    """Write the file."""
    PATH.write_text(rendered(), encoding="utf-8")


def rendered() -> str:
    """The file's content."""
    return json.dumps(script_schema(), ensure_ascii=False, indent=2) + "\n"


def script_schema() -> dict[str, Any]:
    """The JSON Schema of a whole script."""
    schema = Script.model_json_schema(schema_generator=_ForEditors)
    definitions = schema["$defs"]
    for kinds in _KINDS:
        for key, model in kinds.items():
            definition = definitions[model.__name__]
            definition["properties"][key].setdefault("description", definition["description"])
    head = {"$schema": DIALECT, "title": "A Callboard script", "description": "See docs/scripts.md."}
    return head | {key: _tidy(value) for key, value in schema.items() if key not in head}


def _tidy(value: Any) -> Any:
    """Names of mappings in a closed set, docstrings on one line, models without titles."""
    if isinstance(value, list):
        return [_tidy(each) for each in value]
    if not isinstance(value, dict):
        return value
    tidy = {key: _tidy(each) for key, each in value.items() if not (key == "title" and isinstance(each, str))}
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    if isinstance(tidy.get("description"), str):
        tidy["description"] = " ".join(tidy["description"].replace("`", "").split())
    return tidy


if __name__ == "__main__":
    main()
