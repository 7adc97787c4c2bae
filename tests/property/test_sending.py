"""The limits of sending, whatever is to be said and however often the agent restarts."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.node_agent.domain.sending import Outgoing, Ready, SendQueue
from shared.scripts import SendText
from tests.unit.node_agent.test_sending import limits, reaction, text


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from("ab"), st.booleans()), max_size=80), st.booleans())
def test_no_minute_ever_sees_more_than_the_limits(steps: list[tuple[float, str, bool]], restarts: bool) -> None:
    """The limit is a sliding window: no burst around a boundary gets through, nor one around a restart."""
    allowed = limits(per_chat=3, per_account=4)
    made, now, sent, kept = SendQueue(allowed), 0.0, list[tuple[float, str]](), list[Outgoing]()
    for number, (pause, chat, is_text) in enumerate(steps):
        now += pause
        made.put(replace(text(number, chat) if is_text else reaction(number, chat), queued_at=now))
        while isinstance(found := made.next(now), Ready):
            kept.append(made.said(made.attempt(found.outgoing, now), now))
            sent.append((now, found.outgoing.chat if isinstance(found.outgoing.effect, SendText) else ""))
        if restarts:
            waiting = list(made._waiting.values())
            made = SendQueue(allowed)
            made.restore([*kept, *waiting])
    for start, _ in sent:
        minute = [chat for at, chat in sent if start <= at < start + 60]
        assert len(minute) <= 4 and minute.count("a") <= 3 and minute.count("b") <= 3
