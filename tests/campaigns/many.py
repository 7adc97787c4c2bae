"""Hundreds of agents around real services, and a witness in PostgreSQL that sees every change of a delivery."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Self

from services.cli.embedded import Command, OwnedProcess
from tests.fault.scripts import script
from tests.support.fleet import Fleet
from tests.support.waiting import until

AGENTS_A_HOST = 50
# What the fault tests make quicker than it is.
QUICKENED = {
    "CALLBOARD_LEASE_SECONDS",
    "CALLBOARD_DRIFT_MARGIN_SECONDS",
    "CALLBOARD_VERDICT_MARGIN_SECONDS",
    "CALLBOARD_SWEEP_SECONDS",
    "CALLBOARD_RESEND_FIRST_SECONDS",
    "CALLBOARD_RESEND_MOST_SECONDS",
}
# An event on the bus is lost with the broker's disk; a trigger sees every change whatever is taken away.
WITNESS = """
create table public.witness (delivery_id text not null, before text not null, after text not null);
create function public.see() returns trigger language plpgsql as $$ begin
    if old.state <> new.state then insert into public.witness values (new.id, old.state, new.state); end if;
    return new;
end $$;
create trigger see after update on deployer.deliveries for each row execute function public.see();
"""


class ManyAgents(Fleet):
    """A fleet whose agents live in hosts of fifty; `hosts` names their processes."""

    def __init__(self, home: Path, agents: int) -> None:
        super().__init__(home, tuple(f"sim-{number:04d}" for number in range(agents)))
        # At least two, so that a killed one leaves others at work.
        each = min(AGENTS_A_HOST, max(1, agents // 2))
        starts = range(0, agents, each)
        self._hosts = {f"host-{start}": self.nodes[start : start + each] for start in starts}

    @property
    def hosts(self) -> list[str]:
        """The names of the hosts' processes."""
        return list(self._hosts)

    async def __aenter__(self) -> Self:
        """Start everything and wait until every node is online."""
        await self._start_servers()
        await self._execute(WITNESS)
        await self._start_services()
        for name, nodes in self._hosts.items():
            await self._launch_host(name, nodes)
        await until(self._all_nodes_online, "every node is online", 300)
        return self

    async def roll_out(self, version: int, *, in_groups: bool = False) -> str:
        """Store a new version of the script and order it to every node; the deployment's id."""
        await self.push(script(version))
        return await self.deploy("ping", **({"groups": [1, "10%", "100%"]} if in_groups else {}))

    async def seconds_until_verified(self, deployment: str, most: float) -> float | None:
        """How long from now until every delivery is verified; None if that takes longer than `most`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not await self.verified(deployment):
            if loop.time() - began > most:
                return None
            await asyncio.sleep(0.2)
        return loop.time() - began

    async def erase_broker(self) -> None:
        """Take the broker and its disk away in the middle of its work, and start an empty one."""
        await self.rabbit.kill()
        await self.rabbit.erase()
        await self.rabbit.start()

    async def lost(self, deployment: str) -> int:
        """Deliveries of the deployment that are not verified with its hash."""
        (row,) = await self.query(
            "select count(*) from deployer.deliveries where deployment_id = $1 "
            "and (state <> 'verified' or reported_hash is distinct from hash)",
            deployment,
        )
        return int(row["count"])

    async def doubled(self, deployment: str) -> int:
        """Deliveries of the deployment that had more than one final result."""
        rows = await self.query(
            "select delivery_id from public.witness join deployer.deliveries as d on d.id = delivery_id "
            "where d.deployment_id = $1 and after in ('verified', 'failed', 'timed_out', 'superseded', 'canceled') "
            "group by delivery_id having count(*) > 1",
            deployment,
        )
        return len(rows)

    def _service_environment(self, service: str) -> dict[str, str]:
        # As it is in production: the lease and the pace of attempts are what recovery hangs on.
        given = super()._service_environment(service)
        return {name: value for name, value in given.items() if name not in QUICKENED}

    async def _all_nodes_online(self) -> bool:
        (row,) = await self.query("select count(*) from deployer.nodes where status = 'online'")
        return int(row["count"]) == len(self.nodes)

    async def _launch_host(self, name: str, nodes: tuple[str, ...]) -> None:
        await asyncio.gather(*(self.join(node, self.home / "nodes" / node) for node in nodes))
        command = Command(
            (sys.executable, "-m", "tests.campaigns.host", str(self.home / "nodes"), *nodes),
            dict(os.environ),
            self.home / "logs" / f"{name}.log",
        )
        self.processes[name] = OwnedProcess(command)
        await self.processes[name].start()

    async def _execute(self, statements: str) -> None:
        connection = await self.connect()
        try:
            await connection.execute(statements)
        finally:
            await connection.close()
