"""Messages that were once published stay readable, and every message has such a witness."""

import json
from typing import Any

import pytest

from shared.contracts.catalogue import CATALOGUE, CONTRACT_BY_TYPE, ENTRY_BY_CONTRACT
from shared.contracts.contract import Contract
from shared.contracts.names import COMMANDS
from shared.messaging.decoding import decode
from tests.contract.events.golden import FOLDER, SAMPLES

TYPES = sorted(CONTRACT_BY_TYPE)


def test_every_type_is_unique_and_has_a_golden_message() -> None:
    """A message without a witness could change its form unseen."""
    assert len(TYPES) == len(CATALOGUE)
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == TYPES


def kept(golden: Any, written: Any) -> Any:
    """What `written` says of all that `golden` has: fields that were added since are left out, at any depth."""
    if isinstance(golden, dict):
        return {name: kept(value, written[name]) for name, value in golden.items() if name in written}
    if isinstance(golden, list):
        return [kept(one, other) for one, other in zip(golden, written, strict=True)]
    return written


@pytest.mark.parametrize("type_name", TYPES)
def test_a_golden_message_is_read_without_loss(type_name: str) -> None:
    """A renamed or retyped field would make old messages, and old nodes, unreadable."""
    body = (FOLDER / f"{type_name}.json").read_text(encoding="utf-8")
    message = CONTRACT_BY_TYPE[type_name].model_validate_json(body)
    written = json.loads(message.model_dump_json())
    assert kept(json.loads(body), written) == json.loads(body)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.TYPE)
def test_a_reader_ignores_what_it_does_not_know(sample: Contract) -> None:
    """A newer sender's optional field would stop every older reader."""
    body = json.loads(sample.model_dump_json()) | {"added_in_a_later_version": {"a": 1}}
    assert type(sample).model_validate_json(json.dumps(body)) == sample


COMMAND_SAMPLES = [each for each in SAMPLES if ENTRY_BY_CONTRACT[type(each)].exchange == COMMANDS]


@pytest.mark.parametrize("sample", COMMAND_SAMPLES, ids=lambda sample: sample.TYPE)
def test_a_command_without_a_header_is_taken_for_itself(sample: Contract) -> None:
    """A command that is typed into the management console would fit two types, and be refused."""
    commands = [entry.contract for entry in CATALOGUE if entry.exchange == COMMANDS]
    body = sample.model_dump_json(exclude_none=True).encode()
    read = decode(body, type_name=None, routing_key="node.tokyo-7", accepted=commands)
    assert type(read) is type(sample), read
