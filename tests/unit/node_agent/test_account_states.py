"""The states of an account and what follows from a trouble, every one of them, against the tables that say it."""

import itertools
import re

import pytest

from services.node_agent.domain import account_states, consequences
from services.node_agent.domain.account_states import (
    CONNECTING,
    ERROR,
    FOLLOWERS,
    ONLINE,
    STOPPED,
    AccountState,
    ImpossibleTransition,
    entered,
)
from services.node_agent.domain.consequences import (
    Doubt,
    End,
    Fate,
    GoOn,
    HoldChat,
    Leave,
    Pause,
    Reconnect,
    Rest,
    after_connection,
    after_saying,
)
from services.node_agent.domain.telegram import ChatWait, FloodWait, TelegramTrouble
from shared.contracts.accounts import AccountStatus
from tests.support.tables import table

STATES = [status for status in AccountStatus if status is not AccountStatus.OFFLINE]
OF_TELEGRAM = 41.0


def every_trouble(kind: type[TelegramTrouble] = TelegramTrouble) -> list[type[TelegramTrouble]]:
    """Every kind of trouble that there is."""
    return [below for each in kind.__subclasses__() for below in (each, *every_trouble(each))]


def made(kind: type[TelegramTrouble]) -> TelegramTrouble:
    """One of its kind."""
    if issubclass(kind, FloodWait):
        return kind(OF_TELEGRAM, "messages.sendMessage")
    if issubclass(kind, ChatWait):
        return kind(OF_TELEGRAM)
    return kind("why")


TROUBLES = sorted(every_trouble(), key=lambda kind: kind.__name__)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(STATES, STATES)))
def test_a_state_follows_another_exactly_where_the_table_says_so(before: AccountStatus, after: AccountStatus) -> None:
    """An account could be shown as online without a connection, or a dead login be brought back to life."""
    assert account_states.__doc__ is not None
    rows = table(account_states.__doc__, "from \\ to")
    columns = ["stopped", "connecting", "online", "waiting", "limited", "error"]
    row = next(row for row in rows if row[0] == before.value)
    allowed = row[1 + columns.index(after.value)] != "-"
    assert (after in FOLLOWERS[before]) is allowed
    if allowed:
        assert entered(AccountState(before), after, "why") == AccountState(after, "why")
    else:
        with pytest.raises(ImpossibleTransition, match=f"{before} cannot become {after}"):
            entered(AccountState(before), after)


def test_the_table_explains_each_of_its_words_and_has_each_state() -> None:
    """A word that nobody explains is a transition that nobody understands."""
    text = account_states.__doc__ or ""
    rows = table(text, "from \\ to")
    assert [row[0] for row in rows] == [status.value for status in STATES] == [status.value for status in FOLLOWERS]
    words = {cell for row in rows for cell in row[1:]} - {"-"}
    assert words == set(re.findall(r"\*(\w+)\*", text))


def test_nobody_is_offline_on_his_own_node() -> None:
    """Offline is what the registry says of a node that is silent; a node that says it of itself is a mistake."""
    assert AccountStatus.OFFLINE not in FOLLOWERS
    with pytest.raises(ImpossibleTransition):
        entered(AccountState(STOPPED), AccountStatus.OFFLINE)


def test_long_reasons_are_cut_to_what_a_report_may_carry() -> None:
    """A long error text must not make a report invalid."""
    state = entered(AccountState(CONNECTING), ERROR, "x" * 900)
    assert state.reason is not None and len(state.reason) == 500


@pytest.mark.parametrize("kind", TROUBLES)
def test_what_follows_for_a_connection_is_what_the_table_says(kind: type[TelegramTrouble]) -> None:
    """Every trouble has one outcome, and a new kind of trouble cannot be forgotten."""
    told = {row[0]: row[1] for row in table(consequences.__doc__ or "", "trouble")}
    match after_connection(made(kind)):
        case Reconnect():
            outcome = "reconnect"
        case Doubt():
            outcome = "doubt"
        case End():
            outcome = "end"
        case Rest(status=status, seconds=seconds):
            outcome = f"rest, {status}, {_time(seconds)}"
    assert told[kind.__name__] == outcome


@pytest.mark.parametrize("kind", TROUBLES)
def test_what_follows_for_a_message_is_what_the_table_says(kind: type[TelegramTrouble]) -> None:
    """A message would be said twice, or never, or a chat's trouble would silence the account."""
    text = (consequences.__doc__ or "").split("was saying", 1)[1]
    told = {row[0]: row[1:] for row in table(text, "trouble")}
    verdict = after_saying(made(kind))
    match verdict.account:
        case Leave():
            outcome = "leave"
        case GoOn():
            outcome = "go on"
        case Pause(seconds=seconds):
            outcome = f"pause, {_time(seconds)}"
        case HoldChat(seconds=seconds):
            outcome = f"hold chat, {_time(seconds)}"
        case Rest(status=status, seconds=seconds):
            outcome = f"rest, {status}, {_time(seconds)}"
    assert told[kind.__name__] == [outcome, verdict.message.value]


@pytest.mark.parametrize("kind", TROUBLES)
def test_every_outcome_leads_to_a_state_that_may_be_entered(kind: type[TelegramTrouble]) -> None:
    """An outcome that no state allows would end as a mistake in the agent."""
    match after_connection(made(kind)):
        case Reconnect() | Doubt():
            leads = CONNECTING
        case End():
            leads = ERROR
        case Rest(status=status):
            leads = status
    assert all(leads in FOLLOWERS[before] for before in FOLLOWERS if before not in (STOPPED, ERROR))
    rest = after_saying(made(kind)).account
    if isinstance(rest, Rest):
        assert rest.status in FOLLOWERS[ONLINE]


def test_the_tables_name_no_trouble_that_is_not_there() -> None:
    """A row that is left over would describe what nothing does."""
    text = consequences.__doc__ or ""
    for part in (text, text.split("was saying", 1)[1]):
        assert sorted(row[0] for row in table(part, "trouble")) == [kind.__name__ for kind in TROUBLES]


def test_what_is_not_known_to_be_said_is_never_forgotten() -> None:
    """Only what Telegram has refused may be dropped; everything else is said late, or once more under its number."""
    refused = {kind.__name__ for kind in TROUBLES if after_saying(made(kind)).message is Fate.REFUSED}
    assert refused == {"ChatForbidden", "Limited", "Refused"}


def _time(seconds: float) -> str:
    return "for as long as Telegram says" if seconds == OF_TELEGRAM else f"{seconds:.0f} s"
