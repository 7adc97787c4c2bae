"""The base of every message: what a class has to say about itself to travel on the bus.

A contract is a pydantic model whose JSON is the AMQP body, whole; its `TYPE` travels in the envelope
(`shared/contracts/envelope.py`). Readers ignore unknown fields, because within a version fields are only
ever added; a breaking change is a new class with a new `TYPE`. Contracts are frozen: a fact does not change.
"""

from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Contract(BaseModel):
    """A message. `TYPE` is `<subject>.<what>.v<version>`, unique in the project."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    TYPE: ClassVar[str]


class Part(BaseModel):
    """A piece of a message: as tolerant and as frozen as the message it is in."""

    model_config = ConfigDict(extra="ignore", frozen=True)


Instant = AwareDatetime
