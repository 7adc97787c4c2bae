"""How pages write what they were told: hours as columns, events in short, forms as orders."""

from datetime import UTC, datetime, timedelta

from services.console.clients.accounts import Count
from services.console.components.charts import by_hours
from services.console.pages.desk import Form
from services.console.pages.events import gist
from services.console.pages.vault import wanted_in

NOW = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)


def hour(ago: int, messages: int, replies: int = 0) -> Count:
    """What was heard in an hour."""
    at = NOW.replace(minute=0, second=0) - timedelta(hours=ago)
    return Count(hour=at, messages=messages, replies=replies)


def test_hours_stand_where_they_were() -> None:
    """A quiet night that is left out makes yesterday look like an hour ago."""
    chart = by_hours([hour(0, 30, 15), hour(5, 60), hour(30, 3), hour(100, 7)], NOW)
    assert chart is not None
    assert [(one.ago, one.x, one.heard, one.sent) for one in chart.hours] == [
        (30, 341, 5.0, 0.0),
        (5, 841, 100.0, 0.0),
        (0, 941, 50.0, 25.0),
    ]
    assert (chart.top, chart.day.messages, chart.shown.messages, chart.week.messages) == (60, 90, 93, 100)


def test_without_anything_there_is_no_chart() -> None:
    """Empty axes look like an account that is broken."""
    assert by_hours([], NOW) is None
    assert by_hours([hour(0, 0)], NOW) is None


def test_an_event_is_told_in_a_line() -> None:
    """Nobody reads JSON as it rolls by."""
    accounts = '[{"account_id": "a", "status": "online"}, {"id": "s"}]'
    assert gist(f'{{"node_id": "n", "accounts": {accounts}, "node": {{"source": "local"}}}}') == [
        ("node_id", "n"),
        ("accounts", "a online, s"),
        ("node", "source=local"),
    ]
    assert gist('{"ids": ["a", "b", "c", "d", "e", "f", "g"], "boot": 1}') == [("ids", "a, b, c, d, e +2")]
    assert gist("no JSON") == [("", "no JSON")]


def test_a_backup_is_locked_as_it_was_chosen() -> None:
    """What was typed into the other field must not lock it."""
    given = {"passphrase": ["correct horse"], "recipients": ["age1a\r\nage1b"], "current_only": ["yes"]}
    assert wanted_in(Form(given | {"lock": ["recipients"]})) == {"current_only": True, "recipients": ["age1a", "age1b"]}
    assert wanted_in(Form({"passphrase": [" secret "]})) == {"current_only": False, "passphrase": " secret "}
