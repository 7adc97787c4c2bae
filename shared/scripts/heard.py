"""What the engine makes of something that happens: whose conversation it is for, and what a run remembers of it.

Texts of others are cut to what Telegram allows, and half characters are replaced: they can be neither sent nor saved.
"""

from dataclasses import replace

from shared.scripts.conversation import ConversationKey, Cue
from shared.scripts.effects import Incoming
from shared.scripts.matching import Happening

_MAX_TEXT = 4096
_MAX_SENDER = 128


def cleaned(happening: Happening) -> Happening:
    """The same with texts that can be kept and said again."""
    if isinstance(happening, Incoming):
        text, sender = _clean(happening.text, _MAX_TEXT), _clean(happening.sender, _MAX_SENDER)
        return replace(happening, text=text, sender=sender)
    return replace(happening, name=_clean(happening.name, _MAX_SENDER))


def key_of(happening: Happening) -> ConversationKey:
    """The conversation: that guest in that chat."""
    return happening.chat, happening.sender_id if isinstance(happening, Incoming) else happening.user_id


def cue_of(happening: Happening, groups: dict[str, str]) -> Cue:
    """What a run that it begins remembers of it; `groups` is what the trigger found."""
    if isinstance(happening, Incoming):
        return Cue(sender=happening.sender, text=happening.text, message_id=happening.message_id, groups=groups)
    return Cue(sender=happening.name, text="", message_id=happening.message_id, groups=groups)


def _clean(text: str, most: int) -> str:
    return text[:most].encode("utf-8", "replace").decode("utf-8")
