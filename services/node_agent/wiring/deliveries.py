"""Deliveries: from the order to the report."""

import asyncio

from services.node_agent.handlers.commands import Orders
from services.node_agent.jobs.crew import Crew
from services.node_agent.jobs.deliveries import DeliveryQueue
from services.node_agent.jobs.outbox import ReportOutbox
from services.node_agent.jobs.script_files import watch_script_files
from services.node_agent.use_cases.apply_delivery import ApplyDelivery, Loading
from services.node_agent.use_cases.delivery_reports import DeliveryReports
from services.node_agent.use_cases.drop_delivery import DropDelivery
from services.node_agent.use_cases.look_at_files import LookAtFiles
from services.node_agent.use_cases.take_delivery import TakeDelivery
from services.node_agent.wiring.core import Core, Jobs


def applying(core: Core, crew: Crew) -> tuple[Orders, Jobs]:
    """What takes orders in, and the jobs that carry them out."""
    ports, reports, desk = core.ports, DeliveryReports(core.stage, core.ports.clock), asyncio.Lock()
    take = TakeDelivery(core.settings.node_id, core.deliveries, core.stage, reports, desk)
    loading = Loading(ports.files, ports.downloader, ports.offload, ports.clock)
    apply = ApplyDelivery(core.deliveries, core.stage, core.roster, loading, reports, desk)
    queue = core.drain("deliveries", DeliveryQueue(core.deliveries, apply).apply_one)
    outbox = core.drain("reports", ReportOutbox(core.deliveries, core.publisher).send_some)

    def taken() -> None:
        queue.wake()
        outbox.wake()

    def applied() -> None:
        outbox.wake()
        core.beat.ring()
        crew.wake_runners()

    async def apply_deliveries() -> None:
        # An order that names an account would be refused before the crew has found it.
        await crew.looked.wait()
        await queue.run()

    take.taken, apply.applied, apply.may_come = taken, applied, core.assignments.may_come
    look = LookAtFiles(ports.files, core.stage, loading)
    look.changed = core.beat.ring
    orders = Orders(take, DropDelivery(core.settings.node_id, core.deliveries, desk))
    return orders, {
        "deliveries": apply_deliveries,
        "reports": outbox.run,
        "script files": lambda: watch_script_files(look, core.settings.script_check_seconds, ports.clock),
    }
