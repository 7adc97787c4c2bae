from hypothesis import given
from hypothesis import strategies as st

from services.node_agent.domain.sending import MOST_LATE, MOST_WAITING, Later, Nothing, Outgoing, Ready, SendQueue


def queue(*chats: str, per_chat: int = 2, per_account: int = 3) -> SendQueue:
    """A queue with a message for each of the chats."""
    made = SendQueue(per_chat=per_chat, per_account=per_account)
    for number, chat in enumerate(chats):
        made.put(Outgoing(chat, f"{chat}{number}", None, 0.0))
    return made


def said(made: SendQueue, now: float) -> list[str]:
    """Everything that may be said now."""
    texts = []
    while isinstance(found := made.next(now), Ready):
        texts.append(found.outgoing.text)
    return texts


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


def test_what_is_late_is_dropped() -> None:
    """An answer minutes after the question answers nothing."""
    made = queue("a")
    made.hold(MOST_LATE + 1)
    assert made.next(MOST_LATE + 1) == Nothing() and made.dropped == 1


def test_the_queue_is_bounded() -> None:
    """A flood of questions must not fill the memory."""
    made = queue(*(["a"] * (MOST_WAITING + 5)))
    assert len(made) == MOST_WAITING and made.dropped == 5


def test_new_limits_count_what_was_said_already() -> None:
    """A reload in the middle of a minute must not double the minute's messages."""
    made = queue("a", "a", "a", per_chat=3, per_account=10)
    assert len(said(made, 0.0)) == 3
    made.limit(per_chat=2, per_account=10)
    made.put(Outgoing("a", "x", None, 1.0))
    assert said(made, 30.0) == [] and said(made, 60.0) == ["x"]


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from("ab")), max_size=80))
def test_no_minute_ever_sees_more_than_the_limits(steps: list[tuple[float, str]]) -> None:
    """The limit is a sliding window: no burst around a boundary gets through."""
    made, now, sent = SendQueue(per_chat=3, per_account=4), 0.0, list[tuple[float, str]]()
    for pause, chat in steps:
        now += pause
        made.put(Outgoing(chat, "t", None, now))
        while isinstance(found := made.next(now), Ready):
            sent.append((now, found.outgoing.chat))
    for start, _ in sent:
        minute = [chat for at, chat in sent if start <= at < start + 60]
        assert len(minute) <= 4 and minute.count("a") <= 3 and minute.count("b") <= 3
