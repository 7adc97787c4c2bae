"""What a service answered when it did not do what was asked, in the operator's words.

Services answer with problem details (RFC 9457): a kind, a sentence, and the fields that were wrong. The fields are
those of the HTTP request; an operator has typed options, so they are named by those.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

_KIND = "urn:callboard:problem:"
# No command asks at such a place, so the address leads to something that is not this Callboard.
NO_SUCH_ADDRESS = "no-such-address"
NO_SUCH_VERSION = "no-such-version"

Named = Callable[[str], str]
"""How the operator wrote what a request calls by this field."""

_OPTIONS = {
    "node_id": "--node",
    "node_ids": "--nodes",
    "script_id": "--script",
    "kind": "--kind",
    "drift": "--drift",
    "selector": "--selector",
    "bind": "--bind",
    "version": "--version",
    "rollout": "--rollout",
    "state": "--state",
    "status": "--status",
    "source": "--source",
    "q": "--query",
    "limit": "--limit",
    "types": "--types",
    "host": "HOST",
    "port": "--port",
    "user": "--user",
    "directory": "--directory",
    "login": "--key, --password-file or --agent",
    "link": "--link",
    "fingerprint": "SHA256:...",
    "keep": "--keep",
    "account_id": "--account",
    "account_ids": "--account",
    "recipients": "--recipient",
    "passphrase": "--passphrase-file",
    "phone": "the phone number",
    "bot_token": "the bot's token",
    "answer": "the answer",
    "takeover": "--takeover",
    "capacity": "--capacity",
}


@dataclass(frozen=True)
class ProblemDetails:
    """A refusal: `kind` is stable for programs, `sentence` and `details` are for people."""

    kind: str
    sentence: str
    details: tuple[str, ...] = ()


def named_by_option(field: str) -> str:
    """`body.node_ids.0` is what was given as --nodes; a place in a script stays as it is."""
    place, _, name = field.partition(".")
    if place not in ("body", "query", "path"):
        return field
    words = name.split(".")
    return _OPTIONS.get(words[0], words[0])


def read_problem(answer: httpx.Response, named: Named = named_by_option) -> ProblemDetails | None:
    """The problem in an answer; None when it is not one of Callboard's."""
    try:
        problem = answer.json()
        kind, detail = str(problem["type"]), str(problem["detail"])
        errors = [error for error in problem.get("errors") or [] if isinstance(error, dict)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return ProblemDetails(kind.removeprefix(_KIND), *_told(detail, errors, named))


def _told(detail: str, errors: Sequence[dict[str, Any]], named: Named) -> tuple[str, tuple[str, ...]]:
    lines = tuple(_line(error, named) for error in errors)
    # A detail that only repeats the first error is in the request's words; the error's own line is in ours.
    if errors and detail.startswith(f"{errors[0].get('field')}: {errors[0].get('message')}"):
        return lines[0], lines[1:]
    return detail, tuple(line for line in lines if line != detail)


def _line(error: dict[str, Any], named: Named) -> str:
    where = ":".join(str(error[name]) for name in ("line", "column") if error.get(name) is not None)
    parts = [part for part in (where, named(str(error.get("field") or "")), str(error.get("message", error))) if part]
    hint = f" ({error['hint']})" if error.get("hint") else ""
    return ": ".join(parts) + hint
