"""Pydantic's findings in plain words, wherever a person reads them."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from shared.contracts.roles import Role
from shared.findings import in_words
from shared.messaging.decoding import explain
from shared.settings import ServiceSettings, read_settings


def _known(text: str) -> str:
    if text != "walking":
        raise ValueError(f"{text!r} is not one of walking, standing")
    return text


class Thing(BaseModel):
    """A field of each kind."""

    count: int = 1
    share: float = 1
    good: bool = True
    name: str = "a"
    parts: list[str] = []
    places: dict[str, str] = {}
    role: Literal[Role.VIEWER, Role.OPERATOR] = Role.VIEWER
    gait: Annotated[str, AfterValidator(_known)] = "walking"
    most: Annotated[int, Field(le=9)] = 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("count", "x", "must be a whole number"),
        ("count", 1.5, "must be a whole number"),
        ("share", "x", "must be a number"),
        ("good", "x", "must be true or false"),
        ("name", 5, "must be text"),
        ("parts", 5, "must be a list"),
        ("places", 5, "must be a JSON object"),
        ("role", "king", "must be 'viewer' or 'operator'"),
        ("gait", "flying", "'flying' is not one of walking, standing"),
        ("most", 10, "must be less than or equal to 9"),
    ],
)
def test_a_finding_speaks_of_values_and_not_of_python(field: str, value: Any, said: str) -> None:
    """'Value error, ' and `<Role.VIEWER: 'viewer'>` tell a sender nothing that could be sent."""
    with pytest.raises(ValidationError) as raised:
        Thing.model_validate({field: value})
    (finding,) = raised.value.errors()
    assert in_words(finding) == said
    assert explain(raised.value) == f"{field}: {said}"


def test_settings_are_told_in_the_same_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever sets a variable knows as little of pydantic as whoever sends a request."""
    monkeypatch.setenv("CALLBOARD_LOG_FORMAT", "yaml")
    with pytest.raises(SystemExit):
        read_settings(ServiceSettings)
    assert capsys.readouterr().err == "CALLBOARD_LOG_FORMAT: must be 'json' or 'console'\n"
