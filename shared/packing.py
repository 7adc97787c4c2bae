"""Logins compressed, as they are kept and travel: mostly empty pages of a database, a tenth of their size.

What is unpacked is bounded while it grows, so that nobody fills a memory with a few kilobytes.
"""

import zlib


class NotPacked(ValueError):
    """It is not what `packed` makes, or more than may come of it."""


def packed(content: bytes) -> bytes:
    """The content, compressed (zlib)."""
    return zlib.compress(content, 6)


def unpacked(content: bytes, most: int) -> bytes:
    """The content again. Raises NotPacked."""
    reader = zlib.decompressobj()
    try:
        found = reader.decompress(content, most + 1)
    except zlib.error:
        raise NotPacked("it is not compressed as it should be") from None
    if len(found) > most:
        raise NotPacked(f"it is over {most} bytes")
    if not reader.eof or reader.unused_data:
        raise NotPacked("it was cut, or something is behind it")
    return found
