"""What the services say, in the reader's language: every sentence of theirs, with its values, and nothing more."""

import re
from datetime import UTC, datetime
from functools import cache

import pytest
from jinja2 import Environment

from services.console.texts.catalogue import languages
from services.console.texts.reasons import VALUE, Reasons, Sentence
from services.node_agent.domain.consequences import after_connection
from services.node_agent.domain.reasons import not_stored_reason, reason_of, rest_reason
from services.node_agent.domain.telegram import ChatWait, FloodWait, TelegramTrouble
from services.node_agent.telegram.troubles import MEANINGS
from shared.contracts.accounts import AccountStatus
from tests.support.sentences import sentences

NOW = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
_ENGLISH = re.compile(r"\b[a-z]{2,} [a-z]{2,}")
_VALUE = re.compile(r"⟦\d+⟧")
_QUOTED = re.compile(r"`[^`]*`|⟦\d+⟧|systemctl --user")


@cache
def spoken() -> list[tuple[str, str]]:
    """Every sentence and where it is said; reading all sources takes a second, which only the side that asks spends."""
    return list(sentences())


class Watched(Reasons):
    """Remembers which sentences it has met."""

    def __init__(self) -> None:
        super().__init__(languages()["zh-Hant"])
        self.met: set[str] = set()

    def _translated(self, sentence: Sentence, found: re.Match[str], depth: int) -> str:
        self.met.add(sentence.text)
        return super()._translated(sentence, found, depth)


CHINESE = Watched()


def lost(reason: str) -> str:
    """What is wrong with a reason in Chinese: a part of it is in English, or a value is not in it once."""
    told = CHINESE.of(reason)
    english = _ENGLISH.search(_QUOTED.sub("", told))
    whole = english is None and sorted(_VALUE.findall(told)) == sorted(_VALUE.findall(reason))
    return "" if whole else f"{reason} → {told}"


def of_telegram() -> list[str]:
    """What an account shows for each of Telegram's own errors."""
    reasons = []
    for name, meaning in MEANINGS.items():
        trouble: TelegramTrouble
        if issubclass(meaning.kind, FloodWait):
            trouble = FloodWait(30, f"{name.removesuffix('_X')} for messages.sendMessage", meaning.advice)
        elif issubclass(meaning.kind, ChatWait):
            trouble = ChatWait(30, meaning.advice)
        else:
            trouble = meaning.kind(f"{name}: {meaning.what}", meaning.advice)
        reasons.append(reason_of(trouble, after_connection(trouble), NOW))
        reasons.append(rest_reason(trouble, AccountStatus.LIMITED, NOW))
    return reasons


def test_every_sentence_of_the_services_is_known() -> None:
    """A reason that is shown in English to a reader of Chinese tells that nobody thought of it here."""
    assert [f"{place}: {found}" for text, place in spoken() if (found := lost(text))] == []


def test_what_telegram_says_is_told_whole() -> None:
    """An account in error is what the page is opened for: its reason has three sentences from three places."""
    reasons = of_telegram()
    assert [found for reason in reasons if (found := lost(reason))] == []
    assert CHINESE.of(reasons[0]) == (
        "AUTH_KEY_UNREGISTERED：登入已被結束，或從未完成。Callboard 不會再嘗試。"
        "請用這個帳號重新登入（`callboard sessions login`），或給它新的 session 檔。"
    )


def test_nothing_is_told_that_nobody_says() -> None:
    """Translations of sentences that are gone are read by translators for ever."""
    for sentence in [*(text for text, _ in spoken()), *of_telegram()]:
        CHINESE.of(sentence)
    assert sorted({one.text for one in CHINESE.sentences} - CHINESE.met) == []


def test_every_sentence_has_its_values() -> None:
    """A value that is lost is often the one that matters, and one that is misspelt is an error page."""
    for one in CHINESE.sentences:
        assert sorted(VALUE.findall(one.told)) == sorted(VALUE.findall(one.text)), one.text
        assert len(set(VALUE.findall(one.text))) == len(VALUE.findall(one.text)), one.text


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("7 of 20 nodes failed (timed_out, hash_mismatch): the rule allows less than 5 %",
         "20 個節點中有 7 個失敗 (逾時, 內容送達時已損毀)：規則只容許低於 5 %"),
        ("sent for 60 s while its node was online, and not received; the last that was heard: version 2 goes on; no",
         "節點在線，卻在「已送出」停留了 60 秒，仍未收到；最後得知的情況：第 2 版繼續執行；no"),
        ("node tokyo-1 is offline since 2026-03-01T12:00:00Z; the account shall move, but has no place: the nodes that "
         "fit are full: raise their capacity, or add a node",
         "節點 tokyo-1 自 2026-03-01T12:00:00Z 起離線；帳號應該移動，但沒有去處："
         "符合條件的節點都滿了：請提高容量，或新增節點"),
        (not_stored_reason("it is over 9 bytes"),
         "保管庫不接受這個帳號最新的登入資料：它超過 9 位元組。Callboard 會保留它，一小時後再試下一份。"
         "帳號繼續執行；原因排除後，請要求它交回狀態（`callboard sessions sync`）。"),
    ],
)  # fmt: skip
def test_a_reason_of_several_pieces_is_told_piece_by_piece(reason: str, told: str) -> None:
    """Reasons are put together from what happened, why, and what helps; each may be known or not."""
    assert CHINESE.of(reason) == told


@pytest.mark.parametrize(
    "reason", ["", "somebody's own words. And more; of them.", "greeter.yaml:3:5: no such step", "a\nb. ", ";", ". ; ."]
)
def test_what_is_not_known_stays_as_it_came(reason: str) -> None:
    """Telegram's words, a script's errors, what another agent says: better in English than not at all."""
    assert CHINESE.of(reason) == reason


def test_what_somebody_named_is_not_read() -> None:
    """A test that is called like a state, or like a sentence of ours, is still that test."""
    told = CHINESE.of("1 of 2 own tests failed here, 'the account was deleted': paused")
    assert told == "這裡有 2 項自帶測試中的 1 項失敗，'the account was deleted'：paused"


def test_in_english_all_stays_as_it_came() -> None:
    """The sentences are English already."""
    reasons = Reasons(languages()["en"])
    assert [reasons.of(text) for text, _ in spoken()] == [text for text, _ in spoken()]
    assert reasons.of(None) == ""


def test_markup_in_a_value_is_text() -> None:
    """A script's name, or Telegram's words, come from outside; a translation opens no door to them."""
    environment = Environment(autoescape=True)
    environment.filters["reason"] = CHINESE.of
    told = environment.from_string("{{ why|reason }}").render(why="the node refuses it: <b onclick=x>")
    assert told == "節點拒絕：&lt;b onclick=x&gt;"


def test_a_hostile_reason_is_read_in_time() -> None:
    """A node that is not ours may say anything of its accounts, and the page must go on."""
    for piece in (". ", "; ", "A: ", "the node refuses it: ", ", until ", " of  nodes failed: ", "a of b nodes of "):
        assert CHINESE.of((piece * 2000)[:2000])
