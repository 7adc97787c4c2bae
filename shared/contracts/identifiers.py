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
DELIVERY_ID_PATTERN = r"^dlv_[0-9a-f]{32}$"
DEPLOYMENT_ID_PATTERN = r"^dep_[0-9a-f]{32}$"
DEAD_LETTER_ID_PATTERN = r"^dl_[0-9a-f]{32}$"
LOGIN_ID_PATTERN = r"^lgn_[0-9a-f]{32}$"
TOKEN_ID_PATTERN = r"^tok_[0-9a-f]{32}$"  # noqa: S105 -- of its id
# Of a person or a program. It stands in a header, and in every row of the audit log.
TOKEN_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,62}$"  # noqa: S105 -- of its name
# A server is named by the operator, as a node is.
SYNC_ID_PATTERN = r"^syn_[0-9a-f]{32}$"
SERVER_ID_PATTERN = NODE_ID_PATTERN
LABEL_PATTERN = r"^[A-Za-z0-9_.-]{1,63}$"
# A label with its value, as a filter names it.
LABEL_PAIR_PATTERN = f"{LABEL_PATTERN.rstrip('$')}={LABEL_PATTERN.lstrip('^')}"

# What doors say instead of a pattern, to people who sent something else.
IN_WORDS = {
    NODE_ID_PATTERN: "1 to 63 characters of a-z, 0-9 and '-', the first one a letter or a digit",
    ACCOUNT_ID_PATTERN: "1 to 64 characters of a-z, A-Z, 0-9 and '_', '.', '@', '+', '-'",
    SCRIPT_ID_PATTERN: "1 to 63 characters of a-z, 0-9, '_' and '-', the first one a letter or a digit",
    HASH_PATTERN: "'sha256:' and 64 hexadecimal digits, in lower case",
    DELIVERY_ID_PATTERN: "'dlv_' and 32 hexadecimal digits, in lower case",
    DEPLOYMENT_ID_PATTERN: "'dep_' and 32 hexadecimal digits, in lower case",
    DEAD_LETTER_ID_PATTERN: "'dl_' and 32 hexadecimal digits, in lower case",
    LOGIN_ID_PATTERN: "'lgn_' and 32 hexadecimal digits, in lower case",
    SYNC_ID_PATTERN: "'syn_' and 32 hexadecimal digits, in lower case",
    TOKEN_ID_PATTERN: "'tok_' and 32 hexadecimal digits, in lower case",
    TOKEN_NAME_PATTERN: "1 to 63 characters of a-z, A-Z, 0-9 and '_', '.', '@', '+', '-', the first one a letter or a "
    "digit",
    LABEL_PATTERN: "1 to 63 characters of a-z, A-Z, 0-9 and '_', '.', '-'",
    LABEL_PAIR_PATTERN: "a label and its value, such as site=tokyo",
}

NodeId = Annotated[str, StringConstraints(pattern=NODE_ID_PATTERN)]
AccountId = Annotated[str, StringConstraints(pattern=ACCOUNT_ID_PATTERN)]
ScriptId = Annotated[str, StringConstraints(pattern=SCRIPT_ID_PATTERN)]
ContentHash = Annotated[str, StringConstraints(pattern=HASH_PATTERN)]
DeliveryId = Annotated[str, StringConstraints(pattern=DELIVERY_ID_PATTERN)]
DeploymentId = Annotated[str, StringConstraints(pattern=DEPLOYMENT_ID_PATTERN)]
DeadLetterId = Annotated[str, StringConstraints(pattern=DEAD_LETTER_ID_PATTERN)]
LoginId = Annotated[str, StringConstraints(pattern=LOGIN_ID_PATTERN)]
SyncId = Annotated[str, StringConstraints(pattern=SYNC_ID_PATTERN)]
ServerId = Annotated[str, StringConstraints(pattern=SERVER_ID_PATTERN)]
TokenId = Annotated[str, StringConstraints(pattern=TOKEN_ID_PATTERN)]
TokenName = Annotated[str, StringConstraints(pattern=TOKEN_NAME_PATTERN)]
Label = Annotated[str, StringConstraints(pattern=LABEL_PATTERN)]


def content_hash(content: bytes) -> str:
    """The name of an artifact's content: `sha256:` and 64 hexadecimal digits of its exact bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
