"""What Telethon's errors mean, against the table that operators read."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from telethon import errors
from telethon.errors.common import AuthKeyNotFound
from telethon.tl import functions, types

from services.node_agent.domain.account_states import LIMITED, WAITING
from services.node_agent.domain.consequences import Doubt, End, Reconnect, Rest, after_connection
from services.node_agent.domain.reasons import mistake_reason, reason_of, rest_reason
from services.node_agent.domain.telegram import (
    ChatWait,
    DeadLogin,
    FloodWait,
    Limited,
    Refused,
    ServerTrouble,
    SuspectLogin,
    TelegramTrouble,
    Unanswered,
    Unreachable,
    UnusableSession,
)
from services.node_agent.telegram.troubles import MEANINGS, trouble_of
from tests.support.account_docs import TEXT, everything_said, everything_that_follows, in_words
from tests.unit.node_agent.test_account_states import TROUBLES

NOW = datetime(2026, 1, 1, 8, 0, tzinfo=UTC)
REQUEST = functions.messages.SendMessageRequest(types.InputPeerSelf(), "text")


def said_by_telegram(code: int, name: str, request: Any = REQUEST) -> TelegramTrouble:
    """The trouble that an error on the wire becomes."""
    return trouble_of(errors.rpc_message_to_error(types.RpcError(code, name), request))


def test_the_document_has_the_same_table() -> None:
    """An operator would look a reason up and find another answer, or none."""
    documented = [each for each in everything_said() if each.is_named]
    assert [(each.name, each.meaning, each.kind, each.helps) for each in documented] == [
        (name, meaning.what, in_words(meaning.kind), meaning.advice) for name, meaning in MEANINGS.items()
    ]
    assert list(everything_that_follows()) and set(everything_that_follows()) == {in_words(kind) for kind in TROUBLES}
    assert {each.kind for each in everything_said()} == set(everything_that_follows())


def test_every_state_is_explained() -> None:
    """A state that the document does not know is one that nobody can look up."""
    for state in ("stopped", "connecting", "online", "waiting", "limited", "error"):
        assert f"| `{state}` |" in TEXT


@pytest.mark.parametrize("name", [name for name in MEANINGS if not name.startswith("-")])
def test_a_named_error_is_known_by_its_name_whatever_its_code(name: str) -> None:
    """Codes mislead: 401 and 406 are not all dead logins, and 420 is not always a wait."""
    for code in (400, 401, 403, 406, 420, 500):
        trouble = said_by_telegram(code, name.replace("_X", "_42"))
        assert type(trouble) is MEANINGS[name].kind
        assert trouble.advice == MEANINGS[name].advice
        if isinstance(trouble, FloodWait | ChatWait):
            assert trouble.seconds == 42
        else:
            assert str(trouble) == f"{name}: {MEANINGS[name].what}"


@pytest.mark.parametrize(
    ("code", "name", "kind"),
    [
        (401, "AUTH_KEY_PERM_EMPTY", Refused),
        (401, "SOMETHING_NEW", Refused),
        (406, "FRESH_CHANGE_PHONE_FORBIDDEN", Refused),
        (420, "SOMETHING_NEW", Refused),
        (400, "MESSAGE_TOO_LONG", Refused),
        (500, "RPC_CALL_FAIL", ServerTrouble),
        (500, "SOMETHING_NEW", ServerTrouble),
        (-503, "Timeout", ServerTrouble),
        (-500, "No workers running", ServerTrouble),
        (500, "INTERDC_3_CALL_ERROR", ServerTrouble),
    ],
)
def test_what_has_no_meaning_says_nothing_about_the_login(code: int, name: str, kind: type[TelegramTrouble]) -> None:
    """A new error of Telegram's must not end a login, nor silence an account for ever."""
    trouble = said_by_telegram(code, name)
    assert type(trouble) is kind
    assert "caused by" not in str(trouble)


def test_a_wait_names_the_method_behind_every_wrapper() -> None:
    """The operator has to know what the account did too often."""
    wrapped = functions.InvokeWithLayerRequest(200, functions.InvokeWithoutUpdatesRequest(REQUEST))
    trouble = said_by_telegram(420, "FLOOD_WAIT_42", wrapped)
    assert str(trouble) == "Telegram asks this account to wait 42 s (FLOOD_WAIT for messages.sendMessage)"


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (AuthKeyNotFound(), SuspectLogin, "-404: the data centre does not know the login's key"),
        (errors.InvalidBufferError(b"\x53\xfe\xff\xff"), FloodWait, "wait 60 s (-429)"),
        (errors.InvalidBufferError(b"\x44\xfe\xff\xff"), Unreachable, "does not speak as Telegram does"),
        (errors.InvalidChecksumError(1, 2), Unreachable, "does not speak as Telegram does"),
        (TimeoutError(), Unanswered, "did not answer in time"),
        (asyncio.IncompleteReadError(b"", 8), Unreachable, "closed the connection"),
        (ConnectionResetError(), Unreachable, "closed the connection"),
        (ConnectionError("Cannot send requests while disconnected"), Unreachable, "closed the connection"),
        (OSError(101, "Network is unreachable"), Unreachable, "Network is unreachable"),
        (KeyError("unexpected"), Unanswered, "KeyError: 'unexpected'"),
        (Unreachable("as it is"), Unreachable, "as it is"),
    ],
)
def test_what_goes_wrong_on_the_way_is_told_as_it_is(
    error: BaseException, kind: type[TelegramTrouble], told: str
) -> None:
    """A reason of which nobody can tell whether the machine or Telegram is to blame helps nobody."""
    trouble = trouble_of(error)
    assert type(trouble) is kind and told in str(trouble)


@pytest.mark.parametrize(
    ("trouble", "follows", "reason"),
    [
        (
            DeadLogin("SESSION_REVOKED: the login was ended from another device", "Sign in again"),
            End,
            "SESSION_REVOKED: the login was ended from another device. Callboard does not try it again. Sign in again.",
        ),
        (
            UnusableSession("the session file holds no login: sign in with it first"),
            End,
            "The session file holds no login: sign in with it first. Callboard does not try it again. "
            "Give it a good session file: upload it to the vault, or put it in the place of this one.",
        ),
        (
            SuspectLogin("-404: the data centre does not know the login's key", "Sign in again"),
            Doubt,
            "-404: the data centre does not know the login's key. "
            "Callboard asks a few more times, in case Telegram finds it again; if not, it needs a new session file.",
        ),
        (
            Unreachable("Telegram closed the connection"),
            Reconnect,
            "Telegram closed the connection. Callboard connects again by itself. "
            "If this lasts, look at this machine's way to Telegram: network, firewall, clock.",
        ),
        (
            FloodWait(42, "FLOOD_WAIT for messages.sendMessage"),
            Rest,
            "Telegram asks this account to wait 42 s (FLOOD_WAIT for messages.sendMessage), "
            "until 2026-01-01 08:00:42 UTC. Callboard waits and then goes on by itself. "
            "If it happens often, lower the script's limits.",
        ),
    ],
)
def test_a_reason_says_what_happened_what_callboard_does_and_what_helps(
    trouble: TelegramTrouble, follows: type, reason: str
) -> None:
    """An operator who reads only the name of an error has to ask somebody."""
    found = after_connection(trouble)
    assert isinstance(found, follows)
    assert reason_of(trouble, found, NOW) == reason


def test_a_limited_account_and_a_mistake_of_ours_are_told_too() -> None:
    """The one needs patience, the other a report: both look like silence without a sentence."""
    limited = Limited("PEER_FLOOD: Telegram limits the account because of reports of spam", "Ask @SpamBot")
    assert rest_reason(limited, LIMITED, NOW) == (
        "PEER_FLOOD: Telegram limits the account because of reports of spam, until 2026-01-01 08:00:00 UTC. "
        "Callboard says nothing until then and then tries again. Ask @SpamBot."
    )
    assert "until" in rest_reason(FloodWait(1, "x"), WAITING, NOW)
    assert mistake_reason(KeyError("x")).startswith("A mistake in the agent: KeyError: 'x'. Callboard connects again")
