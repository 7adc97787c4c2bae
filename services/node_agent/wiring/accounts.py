"""The accounts: the crew that runs them, and the mark of whether any of them is connected."""

from services.node_agent.domain.permission import Permission
from services.node_agent.jobs.account_runner import RunnerParts
from services.node_agent.jobs.crew import Crew, Quarters
from services.node_agent.jobs.deadman_mark import DeadmanMark
from services.node_agent.jobs.turns import Turns
from services.node_agent.use_cases.waiting import Waiting
from services.node_agent.wiring.core import Core
from shared.alarm import Alarm

# Accounts that connect at once; the others wait their turn, so a start is no flood of key exchanges.
CONNECTING_AT_ONCE = 20


def crew_of(core: Core) -> Crew:
    """Who runs, and who does not."""
    ports, roster, assignments = core.ports, core.roster, core.assignments
    parts = RunnerParts(
        telegram=ports.telegram,
        roster=roster,
        unsaid=core.unsaid,
        stage=core.stage,
        permission=Permission(core.lease, assignments),
        deadman=core.deadman,
        clock=ports.clock,
        randomness=ports.randomness,
        turns=Turns(CONNECTING_AT_ONCE, ports.clock, ports.randomness),
    )
    waiting = Waiting(roster, assignments, ports.logins, ports.clock)
    crew = Crew(Quarters(ports.sessions, assignments, ports.logins, core.hand_back, waiting), parts)
    crew.gave_back = core.beat.ring
    return crew


def deadman_mark_of(core: Core) -> DeadmanMark:
    """Whether accounts are connected, for the next start of the agent to know."""
    changed = Alarm(core.ports.clock)
    core.deadman.changed = changed.ring
    return DeadmanMark(core.deadman, core.watch, changed)
