"""Tokens, roles and the audit log as an operator meets them: command line, origin, both services, PostgreSQL."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.cli.office import SECRET, TOKEN, Office, open_office
from tests.support.waiting import until


@pytest.fixture
async def office(amqp_url: str, database_url: str) -> AsyncIterator[Office]:
    """A back office without TLS."""
    async with open_office(amqp_url, database_url) as found:
        yield found


async def test_a_token_from_its_making_to_its_end(office: Office) -> None:
    """The first thing that an installation needs, and the first that it must be able to take back."""
    token = await office.made("ana", "viewer", "--valid", "12h")
    who = json.loads((await office.callboard("whoami", "--json", token=token)).stdout)
    assert (who["name"], who["role"]) == ("ana", "viewer") and who["ends_at"]
    assert "root" in (await office.callboard("whoami")).stdout

    assert (await office.callboard("nodes", token=token)).exit_code == 0
    refused = await office.callboard("tokens", token=token)
    assert refused.exit_code == 5 and "ana is viewer: this needs the role admin" in refused.stderr

    listed = json.loads((await office.callboard("tokens", "--json")).stdout)["items"]
    assert [(one["name"], one["role"], one["last_used_at"] is not None) for one in listed] == [("ana", "viewer", True)]
    assert token not in str(listed)

    again = await office.callboard("tokens", "create", "ana", "--role", "admin")
    assert again.exit_code == 5 and "revoke that one first" in again.stderr
    assert (await office.callboard("tokens", "revoke", "ana")).exit_code == 0

    async def refused_now() -> bool:
        return (await office.ask(token, "GET", "/api/v1/workers")).status_code == 401

    await until(refused_now, "the revoked token is refused", seconds=6)
    dead = json.loads((await office.callboard("tokens", "--dead", "--json")).stdout)["items"]
    assert [one["revoked_by"] for one in dead] == ["root"]
    assert "no tokens" in (await office.callboard("tokens")).stderr


async def test_slips_of_the_pen_are_told(office: Office) -> None:
    """A token with another role or another end than was meant."""
    for words, says in (
        (["create", "a b", "--role", "admin"], "is no token's name"),
        (["create", "ana", "--role", "king"], "viewer, operator, admin"),
        (["create", "ana", "--role", "node"], "viewer, operator, admin"),
        (["create", "ana", "--role", "admin", "--valid", "soon"], "--valid: 'soon' is no duration"),
        (["create", "root", "--role", "admin"], "choose another name"),
        (["revoke", "nobody"], "there is no token 'nobody'"),
        (["revoke", "tok_1"], "is no token id"),
    ):
        told = await office.callboard("tokens", *words)
        assert told.exit_code in (4, 5) and says in told.stderr, words


async def test_who_did_what_is_told_and_the_chain_holds(office: Office) -> None:
    """Nobody could say who added the server, or that a viewer tried to; or its password would be in the log."""
    operator, viewer = await office.made("olga", "operator"), await office.made("vera", "viewer")
    server = {"server_id": "tokyo-1", "host": "127.0.0.1", "port": 1, "user": "x", "login": {"password": SECRET}}
    for token, status in ((viewer, 403), (operator, 424), ("cbt_nobody's", 401)):
        answer = await office.ask(token, "POST", "/api/v1/group-ai/servers", json=server)
        assert answer.status_code == status, answer.text

    async def told() -> list[dict[str, Any]]:
        listed = await office.callboard("audit", "--json")
        assert listed.exit_code == 0, listed.output
        rows: list[dict[str, Any]] = json.loads(listed.stdout)["items"]
        return rows if any(row["phase"] == "sign-in" for row in rows) else []

    rows = await until(told, "the failed sign-in is told")
    short = {(row["service"], row["phase"], row["actor"], row["status"], row["problem"]) for row in rows}
    assert {
        ("registry", "intent", "root", None, None),
        ("registry", "outcome", "root", 201, None),
        ("registry", "sign-in", "nobody", 401, "not-signed-in"),
        ("deployer", "refused", "vera", 403, "not-allowed"),
        ("deployer", "intent", "olga", None, None),
        ("deployer", "outcome", "olga", 424, "server-unreachable"),
    } <= short
    (intent,) = [row for row in rows if (row["actor"], row["phase"]) == ("olga", "intent")]
    assert intent["fields"] == {"server_id": "tokyo-1", "host": "127.0.0.1", "port": 1, "user": "x"}
    assert intent["address"] == "127.0.0.1"
    assert not [secret for secret in (SECRET, operator, viewer, TOKEN) if secret in str(rows)]

    verified = await office.callboard("audit", "verify")
    assert verified.exit_code == 0, verified.output
    assert "registry: 5 rows, all as they were written" in verified.stdout
    expect = [line.split()[1] for line in verified.stdout.splitlines() if "--expect" in line]
    again = await office.callboard("audit", "verify", *(word for one in expect for word in ("--expect", one)))
    assert again.exit_code == 0, again.output


async def _altered(office: Office, statement: str) -> None:
    async with office.database.begin() as connection:
        await connection.execute(text("alter table registry.audit disable trigger append_only"))
        await connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("update registry.audit set actor = 'eve' where number = 3", 3),
        ("delete from registry.audit where number = 2", 2),
        ("delete from registry.audit where number > 4", 6),
    ],
)
async def test_what_was_tampered_with_is_found_and_named(office: Office, statement: str, row: int) -> None:
    """The superuser of the database could rewrite who did what, or take the newest rows away."""
    for name in ("a", "b", "c"):
        await office.made(name, "viewer")
    before = json.loads((await office.callboard("audit", "verify", "--json")).stdout)["chains"][0]
    assert before["number"] == 6
    await _altered(office, statement)
    expect = f"registry:{before['number']}:{before['hash']}"
    found = await office.callboard("audit", "verify", "--service", "registry", "--expect", expect)
    assert found.exit_code == 1
    assert f"registry, row {row}:" in found.stderr


async def test_without_the_audit_log_no_change_is_made(office: Office) -> None:
    """Whoever can lock a table could act unseen."""
    async with office.database.begin() as connection:
        await connection.execute(text("alter table registry.audit rename to audit_away"))
    answer = await office.ask(TOKEN, "POST", "/api/v1/tokens", json={"name": "ana", "role": "admin"})
    assert answer.status_code >= 500
    assert (await office.ask(TOKEN, "GET", "/api/v1/tokens")).json()["items"] == []


async def test_internal_doors_are_not_at_the_origin(office: Office) -> None:
    """A viewer could ask whose any token is, or fill the audit log."""
    for path in (
        "/internal/whose-token",
        "/api/v1/../../internal/whose-token",
        "/api/v1/workers/..%2f..%2f..%2finternal",
    ):
        assert (await office.ask(TOKEN, "POST", path, json={"hash": "0" * 64})).status_code in (400, 404, 405)
