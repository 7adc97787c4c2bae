"""The node's queue, the lease and the set that come through it, and the account changes that a lease confirms."""

from services.node_agent.handlers.commands import Fleet, Orders, Vault, commands_route
from services.node_agent.jobs.command_intake import CommandIntake
from services.node_agent.jobs.crew import Crew
from services.node_agent.jobs.lease_watch import LeaseWatch
from services.node_agent.jobs.outbox import ChangeOutbox
from services.node_agent.use_cases.accept_lease import AcceptLease, Allowance
from services.node_agent.use_cases.check_orders import checked
from services.node_agent.use_cases.know_assignments import KnowAssignments
from services.node_agent.use_cases.know_own_accounts import KnowOwnAccounts
from services.node_agent.wiring.core import Core, Jobs
from shared.alarm import Alarm


def leasing(core: Core, crew: Crew, orders: Orders, vault: Vault) -> Jobs:
    """The way in for everything that is said to this node, and what follows from its lease."""
    node_id, ports = core.settings.node_id, core.ports
    allowance = Allowance(core.lease, core.assignments, core.deadman)
    accept = AcceptLease(node_id, core.identity, allowance, core.beats, core.accounts)
    outbox = ChangeOutbox(core.accounts, core.publisher, ports.clock, core.settings.heartbeat_seconds)
    telling = core.drain("changes", outbox.send_some)
    watched, left = Alarm(ports.clock), Alarm(ports.clock)

    def changed() -> None:
        telling.wake()
        core.beat.ring()

    def answered() -> None:
        watched.ring()
        left.ring()

    def confirmed(through: int) -> None:
        outbox.confirmed(through)
        telling.wake()

    core.roster.changed = changed
    accept.answered, accept.wanted, accept.named, accept.confirmed = answered, core.beat.ring, crew.ring, confirmed
    fleet = Fleet(accept, _know_assignments(core, crew), KnowOwnAccounts(node_id, core.roster))
    route = checked(commands_route(node_id, fleet, orders, vault), ports.trust, ports.kept)
    ports.trust.adopted = core.beat.ring
    return {
        "consumer": CommandIntake(lambda: ports.consume(route), core.lease, left).run,
        "lease": LeaseWatch(core.lease, crew, ports.clock, watched).run,
        "changes": telling.run,
    }


def _know_assignments(core: Core, crew: Crew) -> KnowAssignments:
    know = KnowAssignments(core.settings.node_id, core.assignments)

    def taken() -> None:
        crew.ring()
        core.beat.ring()

    know.taken = taken
    return know
