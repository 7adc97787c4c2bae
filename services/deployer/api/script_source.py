"""The door for scripts: from a request's body to the script's text, or to problem details.

A script comes as YAML text, byte for byte what will be stored, or as JSON `{"source": "…"}`.
"""

from typing import Any

from fastapi import Request
from pydantic import Field, ValidationError

from services.deployer.use_cases.store_script import TestsFailed
from shared.contracts.deliveries import LARGEST_ARTIFACT
from shared.http import Problem
from shared.http.fields import Body
from shared.http.problems import invalid
from shared.http.responses import problems
from shared.http.wording import told
from shared.scripts import ScriptProblems

TEXT_TYPES = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain")
JSON_TYPE = "application/json"

EXAMPLE = """\
id: greeter
chats: ["@callboard_demo"]
scenes:
  hello:
    triggers: [{message: {text: hello}}]
    steps:
      - reply: Hello, {{ sender }}!
tests:
  - name: greets
    dialogue:
      - guest: hello
        as: Ana
      - expect: Hello, Ana!
"""


class SourceBody(Body):
    """A script in JSON."""

    source: str = Field(description="the script's YAML")


# FastAPI cannot describe a body that is read by hand.
REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string"}, "example": EXAMPLE},
            "text/plain": {"schema": {"type": "string"}, "example": EXAMPLE},
            "application/json": {
                "schema": SourceBody.model_json_schema(),
                "example": {"source": EXAMPLE},
            },
        },
    }
}

# What can be wrong with a script itself.
REFUSALS = problems(
    (413, "script-too-large", f"the script is over {LARGEST_ARTIFACT} bytes"),
    (422, "script-invalid", "it is not a valid script; `errors` has line, column and path"),
    (422, "script-tests-failed", "its own tests do not pass; `errors` has the difference"),
)


async def read_source(request: Request) -> str:
    """The script's text. Raises Problem."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in (*TEXT_TYPES, JSON_TYPE):
        accepted = ", ".join((*TEXT_TYPES, JSON_TYPE))
        raise Problem(415, "unsupported-media-type", f"send the script with a content-type of {accepted}")
    body = await request.body()
    source = _of_json(body) if media_type == JSON_TYPE else _of_text(body)
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        message = f"has a lone surrogate at character {error.start}: send UTF-8 text"
        raise invalid([{"field": "body.source", "message": message}]) from None
    if size > LARGEST_ARTIFACT:
        detail = f"the script is {size} bytes, at most {LARGEST_ARTIFACT} are accepted: split it into several scripts"
        raise Problem(413, "script-too-large", detail)
    return source


def _of_json(body: bytes) -> str:
    try:
        return SourceBody.model_validate_json(body).source
    except ValidationError as error:
        findings = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise invalid(told(findings)) from None


def _of_text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8: save the script as UTF-8 text"
        raise invalid([{"field": "body", "message": message}]) from None


def refusal(refused: ScriptProblems | TestsFailed) -> Problem:
    """Problem details for a script that is not stored."""
    if isinstance(refused, TestsFailed):
        errors = [
            {"field": place, "message": f"{outcome.name}: {outcome.difference}", "hint": ""}
            for place, outcome in refused.outcomes
        ]
        detail = f"{len(errors)} of the script's own tests did not pass; nothing was stored"
        return Problem(422, "script-tests-failed", detail, errors=errors)
    errors = [
        {"field": f"{one.line}:{one.column} {one.path}".rstrip(), "message": one.message, "hint": one.hint}
        for one in refused.problems
    ]
    count = f"{len(errors)} problem" + ("s" if len(errors) > 1 else "")
    return Problem(
        422,
        "script-invalid",
        f"{count}, the first at line {errors[0]['field']}: {errors[0]['message']}; nothing was stored",
        errors=errors,
    )
