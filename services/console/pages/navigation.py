"""What there is to go to, in groups. Whoever lacks the role is not offered the page."""

from dataclasses import dataclass

from services.console.texts.catalogue import marked as _
from shared.contracts.roles import Role


@dataclass(frozen=True)
class Place:
    """One entry of the navigation; `icon` is a symbol of `parts/icons.svg`."""

    name: str
    path: str
    title: str
    icon: str
    role: Role = Role.VIEWER


NAVIGATION: tuple[tuple[str, tuple[Place, ...]], ...] = (
    ("", (Place("overview", "/", _("Overview"), "overview"),)),
    (
        _("Fleet"),
        (
            Place("accounts", "/accounts", _("Accounts"), "accounts"),
            Place("nodes", "/nodes", _("Nodes"), "nodes"),
            Place("sessions", "/sessions", _("Sessions"), "sessions"),
            Place("servers", "/servers", _("Servers"), "servers"),
        ),
    ),
    (
        _("Scripts"),
        (
            Place("scripts", "/scripts", _("Scripts"), "scripts"),
            Place("deployments", "/deployments", _("Deployments"), "deployments"),
            Place("drift", "/drift", _("Drift"), "drift"),
        ),
    ),
    (
        _("Watch"),
        (
            Place("events", "/events", _("Events"), "events"),
            Place("dead-letters", "/dead-letters", _("Dead letters"), "dead"),
            Place("audit", "/audit", _("Audit log"), "audit", Role.ADMIN),
            Place("tokens", "/tokens", _("Tokens"), "tokens", Role.ADMIN),
            Place("keys", "/keys", _("Keys"), "keys", Role.ADMIN),
        ),
    ),
)
