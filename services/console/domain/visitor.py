"""Whoever has signed in."""

from dataclasses import dataclass

from shared.contracts.roles import Actor, Role


@dataclass(frozen=True)
class Visitor:
    """The role says what is offered on the pages; what is allowed, the services judge."""

    actor: Actor
    # From where, and with which request: the services' audit logs have it.
    way: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def name(self) -> str:
        """As the audit log has it."""
        return self.actor.name

    @property
    def role(self) -> Role:
        """What is offered."""
        return self.actor.role

    def may(self, role: Role) -> bool:
        """Whether what is for this role is offered."""
        return self.role.includes(role)
