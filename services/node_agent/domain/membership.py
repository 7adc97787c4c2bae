"""What makes this machine a node: the keys that it made, and what it was given when it joined."""

from pydantic import Field

from shared.contracts.contract import Part
from shared.contracts.enrolments import Enrolled
from shared.contracts.keys import PublicKey


class Membership(Part):
    """`sealing_key` and `signing_key` are private halves, 32 bytes in base64; `url` is where the node joined."""

    url: str = Field(pattern=r"^https?://")
    # As long as public ones; what they are is in the name.
    sealing_key: PublicKey = Field(repr=False)
    signing_key: PublicKey = Field(repr=False)
    given: Enrolled


class NotJoined(Exception):
    """This machine is no node yet; the text says what to do."""
