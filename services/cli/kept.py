"""Small files that are made once and kept: passwords, tokens, keys. Readable by their owner only.

Written beside their place and renamed into it, so that a crash leaves the old content or the new one.
"""

import os
import secrets
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700


def kept_secret(path: Path) -> str:
    """The secret in this file; 43 URL-safe characters are made up if there is none yet."""
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        secret = secrets.token_urlsafe(32)
        write_private(path, secret)
        return secret


def write_private(path: Path, text: str, mode: int = PRIVATE_FILE) -> None:
    """Put the text in place whole or not at all."""
    private_directory(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def private_directory(path: Path) -> Path:
    """The directory, made if it is missing; one that exists keeps its mode."""
    path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    return path
