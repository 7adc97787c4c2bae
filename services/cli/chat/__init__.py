"""What `callboard scripts chat` is made of: a rehearsal by hand, in virtual time."""

from services.cli.chat.chat import Chat

__all__ = ["Chat"]
