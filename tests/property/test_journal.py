"""What could not be written is written later, as if nothing had been wrong."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.node_agent.domain.accounts import Seen
from services.node_agent.domain.journal import Journal, Progress
from services.node_agent.domain.sending import Outgoing
from shared.scripts import AccountMemory, Conversation, ConversationKey, EngineChanges, SendText

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def act(journal: Journal, what: int) -> None:
    """Something that anna lives through; the number says what."""
    progress, kind, number = journal.of("anna"), what % 6, what // 6
    key: ConversationKey = ("@a", number % 3)
    match kind:
        case 0:
            progress.seen[number % 3] = Seen(number, NOW)
        case 1:
            progress.learn("one", EngineChanges({key: Conversation(chat="@a", sender_id=key[1], touched=what)}))
        case 2:
            progress.learn("one", EngineChanges({key: None}, AccountMemory(timers={"t": float(what)})))
        case 3:
            progress.forget()
        case 4:
            progress.sends[number] = Outgoing(number, "one", SendText("@a", str(what), None), what, 0.0)
        case _:
            progress.sends[number] = None


@given(st.lists(st.one_of(st.integers(0, 60), st.none()), max_size=30))
def test_a_failed_write_in_between_changes_nothing(lived: list[int | None]) -> None:
    """A full disk for a moment would write an older conversation over a newer one, or bring a forgotten one back."""
    journal, plain = Journal(), Journal()
    taken: dict[str, Progress] | None = None
    for what in lived:
        if what is not None:
            act(journal, what)
            act(plain, what)
        elif taken is None:
            taken = journal.take()
        else:
            journal.give_back(taken)
            taken = None
    journal.give_back(taken or {})
    assert journal.take() == plain.take()
