from dataclasses import replace

import pytest

from services.node_agent.domain.sending import (
    MOST_UNCERTAIN,
    MOST_WAITING,
    PROMPT,
    Later,
    Nothing,
    Outgoing,
    Ready,
    SendQueue,
)
from shared.scripts import Limits, React, SendText


def limits(*, per_chat: int = 2, per_account: int = 3, late: str = "2m") -> Limits:
    """A script's limits."""
    return Limits(per_chat_per_minute=per_chat, per_account_per_minute=per_account, late=late)


def text(number: int, chat: str, queued_at: float = 0.0) -> Outgoing:
    """Something to say: `a1` is number 1 in chat a."""
    return Outgoing(number, "greeter", SendText(chat, f"{chat}{number}", None), number, queued_at)


def reaction(number: int, chat: str) -> Outgoing:
    """A reaction to put under a message."""
    return Outgoing(number, "greeter", React(chat, 7, "👍"), number, 0.0)


def queue(*waiting: Outgoing | str, **changes: int | str) -> SendQueue:
    """A queue in which these wait; a string is a chat with one more thing to say in it."""
    made = SendQueue(limits(**changes))  # type: ignore[arg-type]
    for number, each in enumerate(waiting):
        made.put(text(number, each) if isinstance(each, str) else each)
    return made


def said(made: SendQueue, now: float) -> list[str]:
    """Everything that may be said now, and is."""
    texts = []
    while isinstance(found := made.next(now), Ready):
        effect = found.outgoing.effect
        made.said(made.attempt(found.outgoing, now), now)
        texts.append(effect.text if isinstance(effect, SendText) else effect.emoji)
    return texts


def reasons(made: SendQueue) -> list[str]:
    """Why things were dropped."""
    return [dropped.reason for dropped in made.take_dropped()]


def test_a_full_chat_does_not_hold_up_another_and_keeps_its_order() -> None:
    """One busy group would silence the account everywhere, or mix up its own replies."""
    made = queue("a", "a", "a", "b")
    assert said(made, 0.0) == ["a0", "a1", "b3"]
    assert made.next(0.0) == Later(60.0)
    assert said(made, 60.0) == ["a2"]


def test_the_account_has_a_limit_over_all_chats() -> None:
    """Telegram counts the account, not the chat."""
    made = queue("a", "b", "c", "d")
    assert said(made, 0.0) == ["a0", "b1", "c2"]
    assert said(made, 59.9) == [] and said(made, 60.0) == ["d3"]


def test_a_wait_holds_everything_and_a_slow_chat_only_itself() -> None:
    """FLOOD_WAIT is the account's, slow mode the chat's."""
    made = queue("a", "b")
    made.hold_chat("a", 30.0)
    assert said(made, 0.0) == ["b1"]
    made.hold(50.0)
    assert made.next(30.0) == Later(50.0)
    assert said(made, 50.0) == ["a0"]


def test_what_is_not_said_keeps_its_place() -> None:
    """A message that was refused for now would come after the ones that were wanted later."""
    made = queue("a", "a")
    first = made.next(0.0)
    assert isinstance(first, Ready)
    made.attempt(first.outgoing, 0.0)
    made.put_back(first.outgoing)
    assert made.next(0.0) == first
    assert said(made, 60.0) == ["a0", "a1"]


def test_a_reaction_keeps_its_place_but_is_no_message_of_the_chat() -> None:
    """A reaction after the reply, or a group whose limit is used up by reactions."""
    made = queue(reaction(0, "a"), reaction(1, "a"), "a", reaction(3, "a"), per_chat=1, per_account=10)
    assert said(made, 0.0) == ["👍", "👍", "a2", "👍"]
    made.put(text(4, "a"))
    made.put(reaction(5, "a"))
    assert said(made, 0.0) == [] and said(made, 60.0) == ["a4", "👍"]


def test_reactions_count_for_the_account() -> None:
    """Telegram counts them too."""
    made = queue(reaction(0, "a"), reaction(1, "b"), reaction(2, "c"), "d")
    assert said(made, 0.0) == ["👍", "👍", "👍"]


def test_what_waits_for_longer_than_the_script_allows_is_dropped_with_the_reason() -> None:
    """An answer minutes after the question answers nothing; and the operator must see why nobody was answered."""
    made = queue("a", late="30s")
    made.hold(20.0)
    assert made.next(0.0) == Later(20.0)
    made.hold(31.0)
    assert made.next(1.0) == Nothing()
    assert reasons(made) == ["its turn comes in 30 s, limits.late is 30s"]


def test_what_may_be_a_day_late_waits_for_a_day() -> None:
    """A script that says so wants its words said, whenever that is."""
    made = queue("a", "a", late="1d")
    made.hold(86_000.0)
    assert made.next(5.0) == Later(86_000.0)
    assert said(made, 86_000.0) == ["a0", "a1"]


def test_with_a_lateness_of_nothing_only_what_can_be_said_at_once_is_said() -> None:
    """`0s` drops at once what cannot be said now; a busy machine's own seconds are not what it means."""
    made = queue("a", "a", "a", "b", late="0s")
    assert said(made, PROMPT / 2) == ["a0", "a1", "b3"]
    assert reasons(made) == ["its turn comes in 60 s, limits.late is 0s"]
    slow = queue("a", late="0s")
    assert said(slow, PROMPT + 1) == [] and reasons(slow) == ["it is 6 s late, limits.late is 0s"]


def test_what_comes_after_something_dropped_has_its_own_time() -> None:
    """One late message would take younger ones of its chat with it."""
    made = queue(text(0, "a", 0.0), text(1, "a", 25.0), late="30s")
    made.hold(40.0)
    assert made.next(26.0) == Later(40.0)
    assert said(made, 40.0) == ["a1"]


def test_an_uncertain_message_is_tried_again_while_telegram_remembers_it() -> None:
    """Too early given up it may be lost; asked for too late it may be said twice."""
    made = queue("a", "a", late="1d")
    first = made.next(0.0)
    assert isinstance(first, Ready)
    made.attempt(first.outgoing, 10.0)
    again = made.next(10.0 + MOST_UNCERTAIN)
    assert isinstance(again, Ready) and again.outgoing == replace(first.outgoing, attempted_at=10.0)
    # Tried again it is no less uncertain than it was.
    made.attempt(again.outgoing, 100.0)
    assert said(made, 11.0 + MOST_UNCERTAIN) == ["a1"]
    [reason] = reasons(made)
    assert "may have been said or not" in reason


def test_a_reaction_is_never_in_doubt() -> None:
    """It is the same however often it is put there."""
    made = queue(reaction(0, "a"), late="1d")
    first = made.next(0.0)
    assert isinstance(first, Ready)
    made.attempt(first.outgoing, 0.0)
    assert said(made, 3600.0) == ["👍"]


@pytest.mark.parametrize("attempting", [True, False])
def test_the_queue_is_bounded(attempting: bool) -> None:
    """A flood of questions must not fill the memory, nor push out what Telegram is being asked for right now."""
    made = queue("a")
    first = made.next(0.0)
    assert isinstance(first, Ready)
    if attempting:
        made.attempt(first.outgoing, 0.0)
    for number in range(1, MOST_WAITING + 5):
        made.put(text(number, "a"))
    assert len(made) == MOST_WAITING
    dropped = [dropped.outgoing.number for dropped in made.take_dropped()]
    assert dropped == ([1, 2, 3, 4, 5] if attempting else [0, 1, 2, 3, 4])


def test_new_limits_count_what_was_said_already() -> None:
    """A reload in the middle of a minute must not double the minute's messages."""
    made = queue("a", "a", "a", per_chat=3, per_account=10)
    assert len(said(made, 0.0)) == 3
    made.limit(limits(per_chat=2, per_account=10))
    made.put(text(9, "a", 1.0))
    assert said(made, 30.0) == [] and said(made, 60.0) == ["a9"]


def test_a_queue_that_is_restored_goes_on_where_the_other_ended() -> None:
    """Every restart would give the account its whole minute again, or forget what it had to say."""
    kept = [replace(text(1, "a"), said_at=50.0), replace(text(2, "a"), said_at=55.0), text(3, "a", 55.0)]
    made = SendQueue(Limits())
    made.restore(kept)
    made.limit(limits())
    assert made.next(70.0) == Later(110.0)
    assert said(made, 110.0) == ["a3"]
