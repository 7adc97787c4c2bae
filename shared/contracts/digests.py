"""How digests are written in messages: the 128 bits that tell one state from another, in hexadecimal digits."""

from typing import Annotated

from pydantic import StringConstraints

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
