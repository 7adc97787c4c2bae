"""Enrolment: one-time tokens, the nodes that joined with them, and what becomes of a machine that asks to join.

| the token            | the keys that it comes with             | verdict                                          |
| -------------------- | --------------------------------------- | ------------------------------------------------ |
| is not known         |                                         | refused                                          |
| has ended            |                                         | refused                                          |
| is unused            |                                         | admitted; its keys use it up                     |
| is used              | the ones that used it, still the node's | admitted again: the answer may have got lost     |
| is used              | others                                  | refused                                          |
| is used              | the node was revoked or joined anew     | refused                                          |

A token that names its node replaces whoever has that id. One that does not gives an id that nobody has, and never had:
the one that the machine asks for, or its host name. Pure; `EnrolNodes` acts on it.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.contracts.identifiers import NODE_ID_PATTERN

LONGEST_NODE_ID = 63


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The public halves of a node's keys, in base64."""

    sealing: str
    signing: str


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A one-time token as it is kept: by its hash. `node_id` is None when the machine may choose."""

    enrolment_id: str
    token_hash: str
    node_id: str | None
    labels: dict[str, str]
    created_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    used_by: KeyPair | None = None
    used_node_id: str | None = None


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """A node that joined: its public keys, and its secrets by their hashes. It is cut off once it is revoked."""

    node_id: str
    keys: KeyPair
    broker_hash: str = field(repr=False)
    token_hash: str = field(repr=False)
    enrolment_id: str
    enrolled_at: datetime
    changed_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A machine that wants to join, its keys proven."""

    keys: KeyPair
    hostname: str
    node_id: str | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """It is this node from now on; `replaces` is the one that had the id."""

    node_id: str
    replaces: NodeKeys | None = None


@dataclass(frozen=True, slots=True)
class NotAdmitted:
    """It is not let in. `slug` is for programs, `reason` for people."""

    slug: str
    reason: str


UNKNOWN = NotAdmitted(
    "no-such-enrolment", "nobody has given out this token: `callboard nodes enroll` prints one with the whole command"
)


def wanted_id(enrolment: Enrolment, asked: Asked) -> str | None:
    """The node id that the machine would get; None when its host name gives none."""
    if enrolment.used_node_id is not None:
        return enrolment.used_node_id
    return enrolment.node_id or asked.node_id or _of_host(asked.hostname)


def judged(enrolment: Enrolment, asked: Asked, holder: NodeKeys | None, now: datetime) -> Admitted | NotAdmitted:
    """The verdict. `holder` is who has the wanted id, or had it."""
    if enrolment.used_by is not None:
        return _asked_again(enrolment, enrolment.used_by, asked, holder, now)
    if now >= enrolment.expires_at:
        return _ended(enrolment)
    node_id = wanted_id(enrolment, asked)
    if node_id is None:
        return NotAdmitted("node-id-needed", "the host's name makes no node id: give one with --node-id")
    if enrolment.node_id is not None and asked.node_id not in (None, enrolment.node_id):
        return NotAdmitted("other-node", f"the token is for node {enrolment.node_id!r}, not for {asked.node_id!r}")
    if enrolment.node_id is None and holder is not None:
        return NotAdmitted(
            "node-exists",
            f"there is a node {node_id!r} already: give another --node-id, or replace that node with a token from "
            f"`callboard nodes enroll --node-id {node_id}`",
        )
    return Admitted(node_id, holder)


def used(enrolment: Enrolment, asked: Asked, node_id: str, now: datetime) -> Enrolment:
    """The token once the machine has joined with it."""
    return replace(enrolment, used_at=enrolment.used_at or now, used_by=asked.keys, used_node_id=node_id)


def _asked_again(
    enrolment: Enrolment, by: KeyPair, asked: Asked, holder: NodeKeys | None, now: datetime
) -> Admitted | NotAdmitted:
    if by != asked.keys:
        return NotAdmitted(
            "enrolment-used",
            "the token was used by another machine: make a new one with `callboard nodes enroll`, and if that was not "
            f"yours, `callboard nodes revoke {enrolment.used_node_id}`",
        )
    if now >= enrolment.expires_at:
        return _ended(enrolment)
    if holder is None or holder.enrolment_id != enrolment.enrolment_id or holder.revoked_at is not None:
        return NotAdmitted("enrolment-used", "the token was used, and its node was revoked or enrolled anew since")
    return Admitted(holder.node_id, holder)


def _ended(enrolment: Enrolment) -> NotAdmitted:
    at = enrolment.expires_at.isoformat(timespec="seconds")
    return NotAdmitted("enrolment-ended", f"the token ended at {at}: make a new one with `callboard nodes enroll`")


def _of_host(hostname: str) -> str | None:
    name = re.sub(r"[^a-z0-9-]+", "-", hostname.lower().partition(".")[0]).strip("-")[:LONGEST_NODE_ID]
    return name if re.fullmatch(NODE_ID_PATTERN, name) else None
