"""Orders that carry the deployer's signature in their body, so that every way to a node carries it along.

What is signed is the body as it was received: every field, known to this version or not, except the signature itself
and what is checked against a signed hash (`UNSIGNED`), because a carrier may put the content in place of its URL.
"""

import json
from typing import Annotated, Any, ClassVar, Self

from pydantic import ModelWrapValidatorHandler, PrivateAttr, StringConstraints, ValidationInfo, model_validator

from shared.contracts.contract import Contract, Part
from shared.contracts.keys import KeyId

# 64 bytes in base64.
SignatureValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]
UNSIGNED = frozenset({"signature", "content", "sealed", "url"})


class Signature(Part):
    """An Ed25519 signature of an order's type and body, and which of the deployer's keys made it."""

    key_id: KeyId
    value: SignatureValue


class SignedContract(Contract):
    """An order that a node takes only with a good signature."""

    UNSIGNED: ClassVar[frozenset[str]] = UNSIGNED

    signature: Signature | None = None

    _received: dict[str, Any] | None = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _remember(cls, data: Any, read: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        message = read(data)
        # A message that is made here is signed as it will be written; one that came is checked as it came.
        if info.mode == "json" and isinstance(data, dict):
            message._received = data
        return message

    def __eq__(self, other: object) -> bool:
        # What was received is no part of what an order says.
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(self.signed_content())

    def signed_content(self) -> bytes:
        """What the signature is over: the type, a line feed, and the body with its keys in order."""
        body = self.model_dump(mode="json") if self._received is None else self._received
        signed = {name: value for name, value in body.items() if name not in self.UNSIGNED}
        written = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return f"{self.TYPE}\n{written}".encode()
