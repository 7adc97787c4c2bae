"""The identifiers that travel in messages, URLs and files, with the patterns they must match.

Every door (HTTP bodies, settings, scripts, messages) uses these types, so that an identifier that was
accepted once is accepted everywhere. A node id is a word of an AMQP routing key, therefore it has no dot.
"""

import hashlib
from typing import Annotated

from pydantic import StringConstraints

NODE_ID_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
ACCOUNT_ID_PATTERN = r"^[A-Za-z0-9_.@+-]{1,64}$"
SCRIPT_ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
HASH_PATTERN = r"^sha256:[0-9a-f]{64}$"

NodeId = Annotated[str, StringConstraints(pattern=NODE_ID_PATTERN)]
AccountId = Annotated[str, StringConstraints(pattern=ACCOUNT_ID_PATTERN)]
ScriptId = Annotated[str, StringConstraints(pattern=SCRIPT_ID_PATTERN)]
ContentHash = Annotated[str, StringConstraints(pattern=HASH_PATTERN)]
DeliveryId = Annotated[str, StringConstraints(pattern=r"^dlv_[0-9a-f]{32}$")]
DeploymentId = Annotated[str, StringConstraints(pattern=r"^dep_[0-9a-f]{32}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,63}$")]


def content_hash(content: bytes) -> str:
    """The name of an artifact's content: `sha256:` and 64 hexadecimal digits of its exact bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
