"""The filters that the lists of nodes and of accounts have in common."""

from typing import Annotated, Literal

from fastapi import Query

from services.registry.domain.views import Label
from shared.contracts.identifiers import LABEL_PAIR_PATTERN

Source = Annotated[
    Literal["local", "remote"] | None, Query(description="only of nodes on the back office's own machine, or elsewhere")
]
LabelFilter = Annotated[
    str | None,
    Query(pattern=LABEL_PAIR_PATTERN, description="only of nodes that have this label", examples=["site=tokyo"]),
]


def label_of(given: str | None) -> Label | None:
    """The name and the value of a label."""
    name, _, value = (given or "").partition("=")
    return (name, value) if name else None
