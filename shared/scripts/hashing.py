"""The name of a script version: the SHA-256 of its text, byte for byte.

The deployer names versions with it, a node proves with it what it runs. No normalisation of any kind:
a changed space is another version, so that equal hashes always mean equal files.
"""

import hashlib


def script_hash(text: str) -> str:
    """`sha256:` and 64 hex digits over the UTF-8 bytes of `text`.

    Raises UnicodeEncodeError for a text with lone surrogates, which no file decoded as UTF-8 contains.
    """
    return "sha256:" + hashlib.sha256(text.encode("utf-8")).hexdigest()
