"""The sentences that an operator reads beside an account's state: what happened, what Callboard does, what helps.

A reason is the same for as long as nothing changes, however often something is tried: every new reason is an event.
"""

from datetime import datetime

from services.node_agent.domain.consequences import AfterConnection, Doubt, End, Reconnect, Rest
from services.node_agent.domain.telegram import TelegramTrouble
from shared.contracts.accounts import AccountStatus

AGENT_STOPPED = "The agent was stopped. Its accounts start again with it."
AGENT_STARTED = "The agent was started again. Its accounts follow as soon as it has its lease."
FILE_CHANGED = "The session file was replaced or removed. If there is another one, Callboard starts with it by itself."
LEASE_ENDED = (
    "The lease ran out: no answer of the registry came in time. Callboard starts the accounts again when it answers. "
    "If this lasts, look at this machine's way to the broker, and at the registry."
)
MOVED_AWAY = (
    "This node was asked to give the account back. Callboard has disconnected it here, and its newest login goes to "
    "the vault."
)
NOT_ASSIGNED = "The account is no longer assigned to this node. Callboard has disconnected it here."
ASSIGNED_ANEW = (
    "The account was assigned to this node anew, as when another version of its login was chosen. Callboard has "
    "disconnected it, and starts it as soon as that login is here."
)
NEVER_ASSIGNED = (
    "The registry has not assigned this account to the node yet. Callboard starts it as soon as it does. If this "
    "lasts, look at the account's assignment."
)
UNCONFIRMED = (
    "The account waits for the registry to confirm its assignment. Callboard starts it as soon as it does. If this "
    "lasts, look at the registry."
)
ANOTHER_NODES = (
    "This login belongs to another node, which the account's assignment names. Callboard does not start it here. Take "
    "its file out of this node's session folder, or move the account here."
)
LOGIN_WANTED = (
    "The account's login is on its way. Callboard starts it as soon as it is here. If this lasts, look at the vault: "
    "`callboard sessions`."
)
NOT_OURS_ADVICE = "if this lasts, look at the account's assignment, and at this machine's way to the registry"
_NOT_STORED = "the vault does not take this account's newest login: "
_TRIES_AGAIN = "Callboard connects again by itself"
_ASKS_AGAIN = "Callboard asks a few more times, in case Telegram finds it again; if not, it needs a new session file"
_NETWORK = "if this lasts, look at this machine's way to Telegram: network, firewall, clock"
_OFTEN = "if it happens often, lower the script's limits"


def reason_of(trouble: TelegramTrouble, follows: AfterConnection, now: datetime) -> str:
    """The reason shown for what follows from a trouble. `now` is the wall clock, in UTC."""
    match follows:
        case Rest(status=status, seconds=seconds):
            return rest_reason(trouble, status, datetime.fromtimestamp(now.timestamp() + seconds, now.tzinfo))
        case End():
            does = "Callboard does not try it again"
            advice = "give it a good session file: upload it to the vault, or put it in the place of this one"
        case Doubt():
            return _sentences(str(trouble), _ASKS_AGAIN)
        case Reconnect():
            does, advice = _TRIES_AGAIN, _NETWORK
    return _sentences(str(trouble), does, trouble.advice or advice)


def rest_reason(trouble: TelegramTrouble, status: AccountStatus, until: datetime) -> str:
    """The reason shown while an account says nothing until a time in UTC."""
    what = f"{trouble}, until {until:%Y-%m-%d %H:%M:%S} UTC"
    if status is AccountStatus.WAITING:
        return _sentences(what, "Callboard waits and then goes on by itself", trouble.advice or _OFTEN)
    return _sentences(what, "Callboard says nothing until then and then tries again", trouble.advice)


def login_refused_reason(why: str) -> str:
    """The reason shown while a login that came could not be taken."""
    return _sentences(f"the account's login came and could not be taken: {why}", "Callboard asks for it again")


def not_stored_reason(why: str) -> str:
    """The reason shown beside an account that runs on while the vault does not take its states."""
    advice = "the account runs on; when the cause is gone, ask for its state (`callboard sessions sync`)"
    return _sentences(f"{_NOT_STORED}{why}", "Callboard keeps it, and tries the next one in an hour", advice)


def is_not_stored(reason: str | None) -> bool:
    """Whether a reason is of that kind."""
    return reason is not None and reason.lower().startswith(_NOT_STORED)


def node_taken_reason(newest_boot: int) -> str:
    """The reason shown when the registry has refused this agent for another one of the same node."""
    what = f"another agent (boot {newest_boot}) uses this node's id"
    return _sentences(what, "Callboard runs the accounts there", "stop one of the two, or give one its own id")


def mistake_reason(error: Exception) -> str:
    """The reason shown for a mistake of Callboard's own."""
    what = f"a mistake in the agent: {type(error).__name__}: {error}"
    return _sentences(what, _TRIES_AGAIN, "please report it with the agent's log")


def _sentences(*parts: str) -> str:
    told = [part[:1].upper() + part[1:] for part in (each.strip().rstrip(".") for each in parts) if part]
    return "".join(f"{part}. " for part in told).rstrip()
