"""Why something that happens begins one scene and not the others, in words.

Called by the engine's `explain` and `explain_time`, which ask the engine's own rules what would become of each scene:
here is their wording, never a second interpretation. Read by the rehearsal by hand. Asking changes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shared.scripts.asking import Unmet
from shared.scripts.chats import PRIVATE
from shared.scripts.conversation import Run
from shared.scripts.durations import format_duration
from shared.scripts.effects import Incoming, Newcomer
from shared.scripts.matching import Happening, groups_found, wording_of
from shared.scripts.model import Script
from shared.scripts.modes import Mode
from shared.scripts.timetable import AtTimer, Timer
from shared.scripts.triggers import (
    AtTrigger,
    CommandTrigger,
    EveryTrigger,
    JoinedTrigger,
    MentionTrigger,
    MessageTrigger,
    ReplyTrigger,
    Trigger,
    Wording,
)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of a scene of which a trigger fits.

    `begins`: it plays now, or has its place in the queue. `takes`: no later scene is asked. `why` says what speaks
    against it, or what its beginning means for the run before.
    """

    begins: bool
    takes: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of one trigger, which `trigger` names: whether it fits, and how its scene was ruled on."""

    scene: str
    trigger: str
    fits: bool
    begins: bool = False
    takes: bool = False
    why: str = ""

    def __str__(self) -> str:
        return f"{self.scene}: {self.trigger}: {self.why or 'fits'}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A judgement on every trigger that was asked, in the order of the script.

    `unheard` says why none was.
    """

    judgements: tuple[Judgement, ...] = ()
    unheard: str = ""

    @property
    def taken(self) -> Judgement | None:
        """The trigger whose scene has it, even if the scene's mode lets nothing begin."""
        return next((each for each in self.judgements if each.takes), None)

    @property
    def begun(self) -> Judgement | None:
        """The trigger that begins a scene."""
        return next((each for each in self.judgements if each.begins), None)


# The scene's name and what its trigger found, to what becomes of it.
Rule = Callable[[str, dict[str, str]], Ruling]


def judgements(script: Script, happening: Happening, rule: Rule) -> Iterator[Judgement]:
    """A judgement on every trigger, in the order of the script."""
    taken = ""
    for name, scene in script.scenes.items():
        decided = False
        for trigger in scene.triggers:
            words = named(trigger)
            groups = groups_found(trigger, happening)
            if groups is None:
                yield Judgement(name, words, fits=False, why=_misfit(trigger, happening))
            elif decided:
                yield Judgement(name, words, fits=True, why="another trigger of the scene fits, too")
            elif taken:
                decided = True
                yield Judgement(name, words, fits=True, why=f"an earlier scene, {taken}, has taken it")
            else:
                decided, ruling = True, rule(name, groups)
                taken = name if ruling.takes else ""
                yield judged(name, words, ruling)


def unlisted(address: str) -> Explanation:
    """Nothing is heard in a chat that the script does not list."""
    if address.startswith(PRIVATE + ":"):
        return Explanation(unheard="private chats are not listed")
    return Explanation(unheard=f"the chat {address} is not listed")


def judged(scene: str, trigger: str, ruling: Ruling) -> Judgement:
    """The judgement on a trigger that fits, out of what was ruled on its scene."""
    return Judgement(scene, trigger, fits=True, begins=ruling.begins, takes=ruling.takes, why=ruling.why)


def held_back(unmet: Unmet) -> Ruling:
    """A condition does not hold: a message goes on to the next scene."""
    return Ruling(begins=False, takes=False, why=f"conditions[{unmet.index}]: {unmet.why}")


def by_mode(mode: Mode, before: list[Run], now: float, *, has_place: bool) -> Ruling:
    """The scene's conditions hold; `before` are its runs in this conversation, and `has_place` what the engine says."""
    if not before:
        return Ruling(begins=True, takes=True)
    left = roughly(min(run.wake_at for run in before) - now)
    match mode.kind:
        case "restart":
            means = "the run before is ended"
        case "single":
            means = f"it is still playing, goes on in {left}"
        case "queued":
            means = f"it waits for the run before, which goes on in {left}" if has_place else "its queue is full"
        case "parallel":
            means = f"beside {len(before)} that still play" if has_place else f"{len(before)} play already"
    return Ruling(begins=has_place, takes=True, why=f"mode {mode.kind}: {means}")


def roughly(seconds: float) -> str:
    """A duration as people want it: nobody waits for milliseconds, unless there are no seconds."""
    return format_duration(round(seconds) if seconds >= 1 else seconds)


def named(trigger: Trigger) -> str:
    """A trigger as people speak of it."""
    match trigger:
        case CommandTrigger(command=command):
            return command
        case MessageTrigger(message=wanted):
            return _worded(wanted) if wanted.pattern is not None else f"message {_worded(wanted)}"
        case MentionTrigger(mention=wanted):
            return f"mention {_worded(wanted)}".rstrip()
        case ReplyTrigger(reply=wanted):
            return f"reply {_worded(wanted)}".rstrip()
        case JoinedTrigger(joined=place):
            return "joined" + _in(place.chat)
        case EveryTrigger(every=every):
            return f"every {format_duration(every.interval)}" + _in(every.chat)
        case AtTrigger(at=at):
            return f"at {at.time:%H:%M}" + _on(at.days or ()) + _in(at.chat)


def timer_named(timer: Timer) -> str:
    """A timed trigger in one of its chats."""
    if isinstance(timer, AtTimer):
        return f"at {timer.time:%H:%M}" + _on(timer.days) + _in(timer.chat)
    return f"every {format_duration(timer.interval)}" + _in(timer.chat)


def _in(chat: str | None) -> str:
    return f" in {chat}" if chat else ""


def _on(days: tuple[str, ...]) -> str:
    return f" on {', '.join(days)}" if days else ""


def _worded(wanted: Wording) -> str:
    if wanted.text is not None:
        return f'"{wanted.text}"'
    if wanted.contains is not None:
        return f'with "{wanted.contains}"'
    return f'pattern "{wanted.pattern}"' if wanted.pattern is not None else ""


def _misfit(trigger: Trigger, happening: Happening) -> str:
    """Why a trigger that does not fit does not."""
    match trigger, happening:
        case EveryTrigger() | AtTrigger(), _:
            return "only time begins it"
        case JoinedTrigger(), Newcomer(chat=chat):
            return f"somebody joined {chat}"
        case JoinedTrigger(), _:
            return "nobody has joined"
        case _, Newcomer():
            return "nobody has written"
        case CommandTrigger(), _:
            return "the message does not begin with it"
        case MentionTrigger(), Incoming(mentions_me=False):
            return "the message does not mention the account"
        case ReplyTrigger(), Incoming(answers_me=False):
            return "the message does not answer the account"
    wanted = wording_of(trigger)
    if wanted is None or wanted.pattern is not None:
        return "does not match"
    return "the message is different" if wanted.text is not None else "it is not in the message"
