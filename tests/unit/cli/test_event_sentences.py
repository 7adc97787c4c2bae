"""Each event of the stream as `callboard events tail` tells it."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.cli.commands.events import sentence
from services.registry.handlers.events import STREAMED

GOLDEN = Path(__file__).parents[2] / "golden"


def _witness(kind: str) -> Any:
    return json.loads((GOLDEN / f"{kind}.json").read_text("utf-8"))


@pytest.mark.parametrize("kind", [contract.TYPE for contract in STREAMED])
def test_every_type_of_the_stream_has_a_sentence(kind: str) -> None:
    """One that has none scrolls by as raw JSON."""
    data = _witness(kind)
    told = sentence(kind, data)
    assert told.startswith(tuple(data[name] for name in ("node_id", "account_id", "deployment_id") if name in data))
    assert not any(mark in told for mark in "{}'")
    assert "None" not in told


@pytest.mark.parametrize(
    ("kind", "changed", "told"),
    [
        ("fleet.assignment.v1", {}, "desk-2: on its way from tokyo-7 to osaka-2 (moved to osaka-2)"),
        (
            "fleet.assignment.v1",
            {"state": "assigned", "change": "assigned", "target": None, "reason": None},
            "desk-2: assigned to tokyo-7",
        ),
        ("deploy.session.v1", {}, "desk-1: login version 4 stored (origin sync)"),
        ("deploy.session.v1", {"change": "announced"}, "desk-1: has login version 4 (origin sync)"),
        (
            "deploy.drift.v1",
            {"reason": "its file was altered"},
            "tokyo-7 welcome-desk 3 drifted: its file was altered",
        ),
        ("deploy.drift.v1", {"change": "repaired", "reason": None}, "tokyo-7 welcome-desk 3 repaired"),
        ("deploy.drift.v1", {"change": "given_up", "reason": None}, "tokyo-7 welcome-desk 3 given up"),
        (
            "deploy.drift.v1",
            {"state": "newer", "desired": None, "reason": "a later order"},
            "tokyo-7 welcome-desk newer: a later order",
        ),
    ],
)
def test_a_sentence_says_what_happened(kind: str, changed: dict[str, Any], told: str) -> None:
    """The same words for another change would tell the operator of something that is not so."""
    assert sentence(kind, _witness(kind) | changed) == told
