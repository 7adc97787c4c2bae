"""From bytes to a contract, or to the reason why not.

The type comes from the CloudEvents header, else from AMQP's `type` property, else from the body itself: an
operator who types a body into the management console gives no header, so the one contract of the queue that the
body fits is taken. A report whose body names another node than its routing key is refused: a node's
credentials bind its routing key, so the key is what can be trusted.
"""

from collections.abc import Collection
from dataclasses import dataclass

from pydantic import ValidationError

from shared.contracts.catalogue import CONTRACT_BY_TYPE
from shared.contracts.contract import Contract
from shared.findings import in_words


@dataclass(frozen=True)
class Unreadable:
    """Why a message cannot be read, and what its sender can do."""

    reason: str


def decode(
    body: bytes, *, type_name: str | None, routing_key: str, accepted: Collection[type[Contract]]
) -> Contract | Unreadable:
    """The contract in `body`, one of `accepted`. Never raises for any bytes."""
    if type_name:
        contract = CONTRACT_BY_TYPE.get(type_name)
        if contract is None or contract not in accepted:
            return Unreadable(f"type {type_name!r} is not handled here: send one of {_names(accepted)}")
        message = _validated(contract, body)
    else:
        message = _guessed(body, accepted)
    if isinstance(message, Unreadable):
        return message
    return _from_its_own_node(message, routing_key)


def _validated(contract: type[Contract], body: bytes) -> Contract | Unreadable:
    try:
        return contract.model_validate_json(body)
    except ValidationError as error:
        return Unreadable(f"{contract.TYPE}: {explain(error)}")


def _guessed(body: bytes, accepted: Collection[type[Contract]]) -> Contract | Unreadable:
    readings = [_validated(contract, body) for contract in accepted]
    fitting = [reading for reading in readings if not isinstance(reading, Unreadable)]
    if len(fitting) == 1:
        return fitting[0]
    if len(accepted) == 1:
        return readings[0]
    if fitting:
        return Unreadable(f"the body fits several types: set the header cloudEvents:type to one of {_names(accepted)}")
    return Unreadable(
        "the body fits no type that is handled here; "
        + " | ".join(reading.reason for reading in readings if isinstance(reading, Unreadable))
    )


def _from_its_own_node(message: Contract, routing_key: str) -> Contract | Unreadable:
    words = routing_key.split(".")
    node_id = getattr(message, "node_id", None)
    if words[0] == "node" and len(words) > 1 and node_id is not None and node_id != words[1]:
        return Unreadable(f"the body speaks for node {node_id!r} but was sent as {words[1]!r}")
    return message


def explain(error: ValidationError, most: int = 5) -> str:
    """The first problems of a validation error, each with the path of its field."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{'.'.join(map(str, problem['loc'])) or 'body'}: {in_words(problem)}" for problem in problems[:most]]
    if len(problems) > most:
        lines.append(f"and {len(problems) - most} more")
    return "; ".join(lines)


def _names(accepted: Collection[type[Contract]]) -> str:
    return ", ".join(sorted(contract.TYPE for contract in accepted))
