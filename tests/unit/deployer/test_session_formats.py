"""Uploaded sessions: every form is told by its content, checked without connecting, and hostile ones are refused."""

import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from telethon.sessions import SQLiteSession

from services.deployer.domain.telegram_logins import PreparedSession, RefusedSession, Sandbox, SessionForm
from services.deployer.formats import archives, sqlite_files
from services.deployer.formats.reading import FormatReader
from services.deployer.formats.stored import MOST_KNOWN
from tests.unit.deployer.session_making import (
    ADDRESS,
    DC,
    FORMS,
    KEY,
    USER_ID,
    content_of,
    database,
    key_of,
    old_telethon_file,
    pyrogram_file,
    pyrogram_string,
    tdata_files,
    telethon_file,
    telethon_string,
    zipped,
)

READER = FormatReader(None)


def accepted(content: bytes, reader: FormatReader = READER) -> PreparedSession:
    """The one login in it."""
    [found] = reader.read("ana.session", content)
    assert isinstance(found.outcome, PreparedSession), found.outcome
    return found.outcome


def refused(content: bytes, reader: FormatReader = READER) -> str:
    """Why it is not taken."""
    [found] = reader.read("ana.session", content)
    assert isinstance(found.outcome, RefusedSession)
    return found.outcome.reason


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_told_by_its_content_and_gives_the_same_login(form: str) -> None:
    """A Pyrogram file that is taken for Telethon's would be refused as damaged."""
    found = accepted(FORMS[form]())
    assert found.form == SessionForm(form)
    assert (found.login.dc_id, found.login.auth_key) == (DC, KEY)
    assert found.login.user_id == (None if form == "telethon-string" else USER_ID)
    assert READER.read_stored(found.content) == found.login


@pytest.mark.parametrize("version", range(1, 9))
def test_every_schema_of_telethons_is_read(version: int) -> None:
    """An operator's files of some years ago would not be taken."""
    assert accepted(old_telethon_file(version)).login.auth_key == KEY


@pytest.mark.parametrize("length", [362, 356, 351])
def test_every_length_of_pyrogram_strings_is_read(length: int) -> None:
    """Strings of older versions would not be taken."""
    content = pyrogram_string(length=length)
    assert len(content) == length
    found = accepted(b"\n " + content + b" \n")
    assert (found.form, found.login.user_id) == (SessionForm.PYROGRAM_STRING, USER_ID)


def test_the_stored_form_is_one_that_telethon_reads() -> None:
    """A node could not start the account; or it would meet strangers where it knows people."""
    stored = accepted(telethon_file()).content
    connection = sqlite3.connect(":memory:")
    connection.deserialize(stored)

    class Read(SQLiteSession):  # type: ignore[misc]
        def _cursor(self) -> sqlite3.Cursor:
            self._conn = connection
            return connection.cursor()

    read = Read(None)
    assert (read.dc_id, read.server_address, read.port, read.auth_key.key) == (DC, ADDRESS, 443, KEY)
    assert read.get_entity_rows_by_id(42) == (42, 4242)
    assert read.get_update_state(0).pts == 5
    connection.close()


def test_the_same_login_gives_the_same_bytes() -> None:
    """A file that is uploaded twice would be two versions."""
    assert accepted(telethon_file()).content == accepted(telethon_file()).content
    assert accepted(telethon_string()).content == accepted(telethon_string()).content


def test_other_addresses_of_telegrams_become_the_known_one() -> None:
    """A login made over IPv6 would be refused, or bind the node to what its file says."""
    for address in ("149.154.167.50", "2001:67c:4e8:f002::a", "95.161.76.100"):
        assert accepted(telethon_string(address=address)).login.address == ADDRESS


SANDBOX = Sandbox("127.0.0.1", 4430)


def test_a_file_that_points_elsewhere_is_refused() -> None:
    """Whoever made the file would choose which server the account speaks to."""
    for hostile in (telethon_file(address="203.0.113.9"), telethon_string(address="203.0.113.9")):
        assert "not one of Telegram's" in refused(hostile)
        assert "203.0.113.9" not in refused(hostile)
    assert "not one of Telegram's" in refused(telethon_file(dc=5))
    assert "port" in refused(telethon_file(port=8443))
    assert "no IP address" in refused(telethon_file(address="evil.example"))
    assert "not one of Telegram's" in refused(telethon_file(address="127.0.0.1", port=4430))
    with_sandbox = FormatReader(SANDBOX)
    assert accepted(telethon_file(address="127.0.0.1", port=4430), with_sandbox).login.address == "127.0.0.1"
    assert "not one of Telegram's" in refused(telethon_file(address="127.0.0.1", port=4431), with_sandbox)
    assert accepted(telethon_file(), with_sandbox).login.address == ADDRESS


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (lambda: b"", "empty"),
        (lambda: b"hello", "characters"),
        (lambda: b"\x89PNG" + bytes(500), "none of"),
        (lambda: telethon_string()[:-7], "characters"),
        (lambda: b"!" * 353, "characters"),
        (lambda: b"1" + b"!" * 351, "base64"),
        (lambda: telethon_string(bytes(256)), "no key"),
        (lambda: telethon_file(b"\x01" * 256), "no key"),
        (lambda: telethon_file(KEY[:255]), "255 bytes"),
        (lambda: telethon_file(b""), "no login"),
        (lambda: telethon_file(dc=6), "data centre"),
        (lambda: telethon_file(address="149.154.167.40"), "test servers"),
        (lambda: pyrogram_file(test_mode=1), "test servers"),
        (lambda: pyrogram_string(test_mode=True), "test servers"),
        (lambda: pyrogram_file(b""), "no login"),
        (lambda: telethon_file()[:5000], "damaged"),
        (lambda: telethon_file()[:50], "cut"),
        (lambda: sql("create table notes (text)"), "neither"),
        (lambda: sql("create view sessions as select 1 as server_address, 2 as dc_id"), "neither"),
        (lambda: sql("create virtual table sessions using fts5(server_address, dc_id, port, auth_key)"), "neither"),
        (lambda: changed("insert into sessions select 3, server_address, port, auth_key, null, null from sessions"),
         "more than one"),
        (lambda: changed("update version set version = 9"), "schema version"),
        (lambda: changed("delete from sessions"), "no login"),
        (lambda: changed("update sessions set auth_key = 'planted text'"), "12 bytes"),
        (lambda: changed("update sessions set server_address = null"), "no IP address"),
        (lambda: changed("update sessions set port = 'x'"), "port"),
        (lambda: changed("drop table version"), "schema version"),
    ],
)  # fmt: skip
def test_what_is_no_login_is_refused_with_the_reason(content: Callable[[], bytes], told: str) -> None:
    """An account would be started with it, and fail on a node where nobody sees why."""
    reason = refused(content())
    assert told in reason
    assert "planted" not in reason


def sql(*statements: str) -> bytes:
    """A database of one's own."""
    with database() as connection:
        for statement in statements:
            connection.execute(statement)
        return content_of(connection)


def changed(*statements: str) -> bytes:
    """A session file with changes."""
    with database() as connection:
        connection.deserialize(telethon_file())
        for statement in statements:
            connection.execute(statement)
        return content_of(connection)


def test_nothing_of_a_file_runs_or_goes_on_but_its_login() -> None:
    """A trigger or view in an uploaded file would run on every node that opens it."""
    hostile = changed(
        "create table planted (x)",
        "create trigger t after insert on update_state begin insert into planted values (1); end",
        "create view v as select * from sessions",
        "insert into entities values (77, 'no number', x'ff', null, null, null)",
        "insert into entities values (78, 1, null, null, printf('%.*c', 5000, 'x'), null)",
        "insert into update_state values (9, 1, 1, 99999999999999, 1)",
    )
    found = accepted(hostile)
    assert found.content == accepted(telethon_file()).content
    told = READER.read_stored(hostile)
    assert isinstance(told, RefusedSession) and "more in it" in told.reason


def test_a_file_that_makes_the_reader_work_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """One upload would keep a core of the deployer busy, or fill its memory."""
    greedy = changed(
        "pragma ignore_check_constraints = on",
        "create table greedy (x check (length(randomblob(1000000000)) > 0))",
        "insert into greedy values (1)",
    )
    assert accepted(greedy).content == accepted(telethon_file()).content
    constraint = "auth_key blob check (length(randomblob(1000000000)) > 0)"
    assert "neither" in refused(
        sql(
            "pragma ignore_check_constraints = on",
            f"create table sessions (dc_id integer, server_address text, port integer, {constraint})",
            "insert into sessions values (2, '149.154.167.51', 443, x'00')",
        )
    )
    monkeypatch.setattr(sqlite_files, "_MOST_STEPS", 2)
    many = "with recursive t(x) as (select 100 union all select x + 1 from t where x < 50000) "
    assert "damaged" in refused(changed(f"insert into entities {many} select x, x, null, null, null, x from t"))


def test_only_so_many_people_are_kept() -> None:
    """The stored form would grow beyond what travels."""
    many = "with recursive t(x) as (select 100 union all select x + 1 from t where x < 9000) "
    found = accepted(changed(f"insert into entities {many} select x, x, null, null, null, x from t"))
    with database() as connection:
        connection.deserialize(found.content)
        assert connection.execute("select count(*) from entities").fetchone() == (MOST_KNOWN,)
        assert connection.execute("select count(*) from entities where id in (0, -1001, 9000)").fetchone() == (3,)


def test_an_archive_gives_each_file_its_own_result() -> None:
    """One bad file among fifty would hide the others."""
    content = zipped(
        {
            "mine/ana.session": telethon_file(),
            "bob.txt": pyrogram_string(key_of(1)),
            "carl.session": b"?",
            "__MACOSX/._ana.session": b"noise",
            "mine/.DS_Store": b"noise",
        }
    )
    found = {one.name: type(one.outcome) for one in READER.read("all.zip", content)}
    assert found == {"mine/ana.session": PreparedSession, "bob.txt": PreparedSession, "carl.session": RefusedSession}


def test_archives_are_read_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip of some kilobytes would fill the deployer's memory."""
    monkeypatch.setattr(archives, "MOST_BYTES", 100_000)
    monkeypatch.setattr(archives, "MOST_ENTRIES", 5)
    assert "unpacks to more" in refused(zipped({"bomb": bytes(1_000_000)}))
    assert "at most 5" in refused(zipped({str(place): b"" for place in range(6)}))
    lying = bytearray(zipped({"bomb": bytes(1_000_000)}))
    place = lying.rindex(b"PK\x01\x02")
    lying[place + 24 : place + 28] = (10).to_bytes(4, "little")
    assert refused(bytes(lying))
    assert "plain zip" in refused(zipped({"x": bytes(1_000)}, zipfile.ZIP_BZIP2))
    later = bytearray(zipped({"x": b"y"}))
    later[later.rindex(b"PK\x01\x02") + 6] = 99
    assert "plain zip" in refused(bytes(later))
    encrypted = bytearray(zipped({"x": b"y"}))
    encrypted[6] |= 1
    encrypted[encrypted.rindex(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in refused(bytes(encrypted))
    inner = zipped({"inner.zip": zipped({"ana.session": telethon_file()})})
    assert "none of" in refused_in(inner)


def refused_in(content: bytes) -> str:
    """Why the one file of an archive is not taken."""
    [found] = READER.read("x.zip", content)
    assert isinstance(found.outcome, RefusedSession)
    return found.outcome.reason


def test_a_tdata_folder_gives_each_of_its_accounts(tmp_path: Path) -> None:
    """Logins of Telegram Desktop could not be brought along, or the second of them would be lost."""
    files = tdata_files(tmp_path / "tdata", KEY, key_of(1))
    caches = {"user_data/cache/0": b"x" * 100, "D877F783D5D3EF8C/0123456789ABCDEFs": b"x", "../../evil": b"x"}
    found = READER.read("mine.zip", zipped({f"Telegram/tdata/{name}": one for name, one in (files | caches).items()}))
    assert [one.name for one in found] == ["mine-1", "mine-2"]
    keys = [one.outcome.login.auth_key for one in found if isinstance(one.outcome, PreparedSession)]
    assert keys == [KEY, key_of(1)]


def test_a_tdata_folder_with_a_passcode_asks_for_it(tmp_path: Path) -> None:
    """A folder that is only locked would be called damaged."""
    content = zipped(tdata_files(tmp_path / "tdata", KEY, passcode="open sesame"))
    for passcode, told in ((None, "give it"), ("planted", "this is not it")):
        [one] = READER.read("mine.zip", content, passcode)
        assert isinstance(one.outcome, RefusedSession) and told in one.outcome.reason
        assert "planted" not in one.outcome.reason
    [one] = READER.read("mine.zip", content, "open sesame")
    assert isinstance(one.outcome, PreparedSession)


def test_what_is_printed_of_a_login_has_no_key() -> None:
    """A traceback would have the login in it."""
    found: Any = READER.read("ana.session", telethon_file())
    assert repr(KEY)[2:20] not in repr(found)
