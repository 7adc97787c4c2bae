"""Reports as nodes make them, with what a test does not care about filled in."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.accounts import AccountChanged, AccountReport, AccountStatus
from shared.contracts.heartbeats import HeartbeatReported

AT = datetime(2026, 1, 1, tzinfo=UTC)
# What a node hands back is waited for so long.
PATIENCE = timedelta(minutes=2)
LEDGER = "a" * 32
OTHER_LEDGER = "b" * 32


def digest(number: int) -> str:
    """A digest that is named by a number."""
    return f"{number:032x}"


def account(account_id: str = "a", **fields: Any) -> AccountReport:
    """An account, online."""
    return AccountReport(**{"account_id": account_id, "status": AccountStatus.ONLINE} | fields)


def beat(seq: int, *changed: AccountReport, base: int | None = None, **fields: Any) -> HeartbeatReported:
    """A beat of node `n` whose digest is named by its seq: full, or a difference to the beat `base`."""
    basis: dict[str, Any] = {
        "node_id": "n",
        "boot": 1,
        "seq": seq,
        "ledger_id": LEDGER,
        "full": base is None,
        "base_digest": None if base is None else digest(base),
        "digest": digest(seq),
        "account_count": len(changed),
        "changed": list(changed),
        "sent_at": AT,
    }
    return HeartbeatReported(**basis | fields)


def change(number: int, report: AccountReport | None = None, **fields: Any) -> AccountChanged:
    """The ledger's change `number` of node `n`, after beat 1 of boot 1."""
    basis: dict[str, Any] = {
        "node_id": "n",
        "ledger_id": LEDGER,
        "number": number,
        "boot": 1,
        "seq": 1,
        "account": report or account(),
        "at": AT,
    }
    return AccountChanged(**basis | fields)
