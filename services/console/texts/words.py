"""The words for states: what the contracts call `timed_out` is `timed out` to a reader, in every language.

Each state has a tone: good, busy, warn, bad or quiet. A tone is never the only thing that tells a state.
"""

from services.console.texts.catalogue import marked as _

STATES: dict[str, tuple[str, str]] = {
    # accounts
    "online": (_("online"), "good"),
    "connecting": (_("connecting"), "busy"),
    "waiting": (_("waiting"), "warn"),
    "limited": (_("limited"), "warn"),
    "error": (_("error"), "bad"),
    "offline": (_("offline"), "quiet"),
    "stopped": (_("stopped"), "quiet"),
    # assignments
    "assigned": (_("assigned"), "good"),
    "unassigned": (_("unassigned"), "quiet"),
    "releasing": (_("releasing"), "busy"),
    # deliveries and deployments
    "pending": (_("pending"), "quiet"),
    "sent": (_("sent"), "busy"),
    "received": (_("received"), "busy"),
    "applied": (_("applied"), "busy"),
    "verified": (_("verified"), "good"),
    "failed": (_("failed"), "bad"),
    "timed_out": (_("timed out"), "bad"),
    "superseded": (_("superseded"), "quiet"),
    "canceled": (_("canceled"), "quiet"),
    "planned": (_("planned"), "quiet"),
    "scheduled": (_("scheduled"), "quiet"),
    "running": (_("running"), "busy"),
    "paused": (_("paused"), "warn"),
    "succeeded": (_("succeeded"), "good"),
    "aborted": (_("aborted"), "bad"),
    # drift
    "in_sync": (_("in sync"), "good"),
    "drifted": (_("drifted"), "warn"),
    "given_up": (_("given up"), "bad"),
    "newer": (_("newer"), "warn"),
    "missing": (_("missing"), "bad"),
    "altered": (_("altered"), "warn"),
    "other": (_("another version"), "warn"),
    # servers and installations
    "unconfirmed": (_("key not confirmed"), "warn"),
    "confirmed": (_("confirmed"), "good"),
    "changed": (_("key changed"), "bad"),
    "started": (_("started"), "good"),
    # where a version of a login is from
    "upload": (_("uploaded"), "quiet"),
    "sync": (_("handed back by its node"), "quiet"),
    "login": (_("signed in there"), "quiet"),
    "restore": (_("restored"), "quiet"),
    # sign-ins at Telegram
    "code_wanted": (_("code wanted"), "warn"),
    "password_wanted": (_("password wanted"), "warn"),
    "signed_in": (_("signed in"), "good"),
    # keys
    "next": (_("next"), "busy"),
    "current": (_("current"), "good"),
    "former": (_("former"), "warn"),
    "retired": (_("retired"), "quiet"),
    # where a node is
    "local": (_("local"), "quiet"),
    "remote": (_("remote"), "quiet"),
    # roles
    "viewer": (_("viewer"), "quiet"),
    "operator": (_("operator"), "quiet"),
    "admin": (_("admin"), "quiet"),
    "node": (_("node"), "quiet"),
    # the audit log
    "intent": (_("about to"), "quiet"),
    "outcome": (_("done"), "good"),
    "refused": (_("refused"), "bad"),
    "sign-in": (_("sign-in"), "quiet"),
    # causes of failed deliveries
    "hash_mismatch": (_("the content arrived damaged"), "bad"),
    "download_failed": (_("the download failed"), "bad"),
    "invalid_script": (_("the node does not take the script"), "bad"),
    "tests_failed": (_("the script's own tests failed there"), "bad"),
    "storage_failed": (_("the node could not store it"), "bad"),
    "unknown_account": (_("the node has no such account"), "bad"),
    "out_of_date": (_("a later order was there already"), "bad"),
    "too_late": (_("the node came to it too late"), "bad"),
    # days on which a window begins
    "mon": (_("Mon"), "quiet"),
    "tue": (_("Tue"), "quiet"),
    "wed": (_("Wed"), "quiet"),
    "thu": (_("Thu"), "quiet"),
    "fri": (_("Fri"), "quiet"),
    "sat": (_("Sat"), "quiet"),
    "sun": (_("Sun"), "quiet"),
}

SERVICES = {"registry": _("registry"), "deployer": _("deployer")}


def word_of(state: str) -> str:
    """The word for a state, in English; the state itself where there is none."""
    return STATES.get(str(state), (str(state), "quiet"))[0]


def tone_of(state: str) -> str:
    """The tone of a state."""
    return STATES.get(str(state), ("", "quiet"))[1]
