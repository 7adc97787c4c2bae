"""A parcel: one message with its envelope in one JSON object, for the ways to a node that are not AMQP.

The message is the same contract as on the bus, whole, in `body`; `type` names it and `id` is its message id, so what
comes twice, by one way or by two, is the same twice. Orders go to a node (`ORDERS`), reports come from it (`REPORTS`).

As a file, a parcel is UTF-8 JSON under the name that `file_name` gives, in the folder `INBOX` (orders) or `OUTBOX`
(reports) of a node's exchange folder. The writer writes `temporary_name` and renames it, so a name that
`is_file_name` takes is always whole. The reader deletes a file when what is in it is safe, and not before; a file may
be gone when it comes to read it. There is no order among files: every message bears to come late.
"""

import hashlib
import re
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from shared.contracts.catalogue import CATALOGUE
from shared.contracts.contract import Contract, Part

PARCEL_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
ParcelId = Annotated[str, StringConstraints(pattern=PARCEL_ID_PATTERN)]

INBOX = "inbox"
OUTBOX = "outbox"
# In bytes. The largest message is the full report of a node with thousands of accounts: a few megabytes.
LARGEST_PARCEL = 8 * 1024 * 1024

ORDERS: tuple[type[Contract], ...] = tuple(entry.contract for entry in CATALOGUE if "node_agent" in entry.consumers)
REPORTS: tuple[type[Contract], ...] = tuple(entry.contract for entry in CATALOGUE if entry.producer == "node_agent")


class Parcel(Part):
    """One message with its envelope."""

    type: str = Field(min_length=1, max_length=100)
    id: ParcelId
    body: dict[str, Any]


def packed(message: Contract, message_id: str) -> Parcel:
    """The message as a parcel."""
    return Parcel(type=message.TYPE, id=parcel_id(message_id), body=message.model_dump(mode="json"))


def parcel_id(message_id: str) -> str:
    """A message id as a parcel may carry it: itself, or a name made of it that is always the same."""
    if re.fullmatch(PARCEL_ID_PATTERN, message_id):
        return message_id
    return hashlib.sha256(message_id.encode()).hexdigest()[:32]


def file_name(parcel: Parcel) -> str:
    """The name of the parcel as a file."""
    return f"{parcel.id}.json"


def temporary_name(parcel: Parcel) -> str:
    """The name under which a file is written before it is renamed; never one that `is_file_name` takes."""
    return f".{parcel.id}.json.part"


def is_file_name(name: str) -> bool:
    """Whether a file of this name is a parcel, whole."""
    return name.endswith(".json") and re.fullmatch(PARCEL_ID_PATTERN, name.removesuffix(".json")) is not None
