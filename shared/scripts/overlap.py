"""Which messages two scripts would both answer, found by trying messages on both.

Asked by the deployer when a script takes accounts from another one. The messages tried are those that the scripts
themselves give: texts, parts and commands of their triggers, and what guests say in their tests. A pattern's own
messages cannot be listed, so two patterns are compared by the tests' messages only; conditions count as fulfilled.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from shared.scripts.dialogue import GuestLine
from shared.scripts.effects import Incoming, Newcomer
from shared.scripts.matching import Happening, Matched, first_match, wording_of
from shared.scripts.model import Script
from shared.scripts.triggers import CommandTrigger, MentionTrigger, ReplyTrigger, Trigger

# Enough to see what two scripts have in common; nobody reads more.
MOST_OVERLAPS = 10
# How often a trigger is asked in all: a third of a second. Real scripts need a tenth of that.
MOST_ASKED = 200_000


@dataclass(frozen=True, slots=True)
class Overlap:
    """What begins `scene` of the first script and `other_scene` of the second, in one of these chats.

    `message` is the text of a message, or in brackets what else happens.
    """

    message: str
    scene: str
    other_scene: str
    chats: tuple[str, ...]


def overlaps(first: Script, second: Script) -> tuple[Overlap, ...]:
    """The first few overlaps, one for each pair of scenes."""
    chats = tuple(chat for chat in first.chats if chat in second.chats)
    found: dict[tuple[str, str], Overlap] = {}
    for message, happening in _tried(first, second, chats[0]) if chats else ():
        one, other = first_match(first, happening), first_match(second, happening)
        if isinstance(one, Matched) and isinstance(other, Matched):
            found.setdefault((one.scene, other.scene), Overlap(message, one.scene, other.scene, chats))
    return tuple(found.values())[:MOST_OVERLAPS]


def _tried(first: Script, second: Script, chat: str) -> Iterator[tuple[str, Happening]]:
    """What is tried, with what it is called: texts, as mentions and replies where any trigger cares, and a newcomer."""
    triggers = [*_triggers(first), *_triggers(second)]
    mentions = any(isinstance(each, MentionTrigger) for each in triggers)
    replies = any(isinstance(each, ReplyTrigger) for each in triggers)
    # As many of the one script as of the other.
    most = 1 + MOST_ASKED // (2 * len(triggers) * (1 + mentions + replies))
    texts = (*islice(_messages(first), most), *islice(_messages(second), most))
    for text in dict.fromkeys(texts):
        said = Incoming(chat, "", 0, text, 0)
        yield text, said
        if mentions:
            yield f"{text} (in a mention)", replace(said, mentions_me=True)
        if replies:
            yield f"{text} (in a reply)", replace(said, answers_me=True)
    yield "(somebody joins)", Newcomer(chat, "", 0, 0)


def _triggers(script: Script) -> Iterator[Trigger]:
    for scene in script.scenes.values():
        yield from scene.triggers


def _messages(script: Script) -> Iterator[str]:
    yield "…"  # what no trigger but those for any mention or reply is made for
    for trigger in _triggers(script):
        wanted = wording_of(trigger)
        if isinstance(trigger, CommandTrigger):
            yield trigger.command
        elif wanted is not None:
            yield from (text for text in (wanted.text, wanted.contains) if text is not None)
    for test in script.tests:
        yield from (line.guest for line in test.dialogue if isinstance(line, GuestLine))
