"""`run_stack`: the whole life of `callboard up`, from the lock to the last child's end.

The first SIGINT, SIGTERM or SIGHUP stops everything in order; a second one kills it. The exit status is 0 after a stop
that was asked for, 1 when the stack could not start. If this process is SIGKILLed, the kernel ends the children.
"""

import asyncio
import secrets
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.cli.connection_file import KeptConnection, SandboxAdmin, kept_token, write_connection
from services.cli.embedded.broker import Broker
from services.cli.embedded.choice import choose_broker
from services.cli.embedded.errors import StartFailed
from services.cli.embedded.ports import LOOPBACK, free_port, port_or_free, take
from services.cli.embedded.postgres import EmbeddedPostgres
from services.cli.failures import CommandFailed, ExitCode
from services.cli.kept import kept_secret
from services.cli.stack.demo_logins import assign_at_first, fill_vault
from services.cli.stack.demo_nodes import join_demo_nodes
from services.cli.stack.demo_world import DemoLogin, prepare_demo_world
from services.cli.stack.events import Event, Listener, Said, Stopping
from services.cli.stack.first_script import push_first_script
from services.cli.stack.fleet import Away, FleetApi
from services.cli.stack.layout import PROJECT, Home
from services.cli.stack.lock import only_stack_of
from services.cli.stack.options import StackOptions
from services.cli.stack.parts import ChildPart, Part, ServerPart, StepPart
from services.cli.stack.plan import (
    CONSOLE,
    DEMO_AGENTS,
    DEMO_LOGINS,
    DEMO_NODES,
    DEMO_WORLD,
    POSTGRES,
    RABBITMQ,
    SANDBOX,
    StackFacts,
    StackPorts,
    console_url,
    plan_children,
    sandbox_admin_url,
)
from services.cli.stack.screen import Screen, open_screen
from services.cli.stack.supervisor import StackFailed, Supervisor

SUMMARY_SECONDS = 2.0
USUAL_PORT = 8080
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NODE_IDS = tuple(agent.node_id for agent in DEMO_AGENTS)


def run_stack(home: Path, options: StackOptions) -> int:
    """Bring everything up below `home` and keep it up until a signal; the exit status.

    Raises CommandFailed when the home or a port that was asked for cannot be had.
    """
    place = Home(home.resolve())
    with only_stack_of(place.lock):
        screen = open_screen(options.plain)
        try:
            return asyncio.run(_run(place, options, screen))
        finally:
            screen.close()


async def _run(home: Home, options: StackOptions, screen: Screen) -> int:
    # Said at once: what is being done just now, such as installing a package, may have to be finished first.
    stopped = _Signals(lambda: screen.tell(Said("Stopping everything; a second Ctrl-C does not wait for it")))
    ports = find_ports(options, screen.tell)
    try:
        broker = await choose_broker(
            home.rabbitmq,
            ports=(ports.amqp, ports.management),
            amqp_url=options.amqp_url,
            say=lambda text: screen.tell(Said(text)),
        )
    except StartFailed as failed:
        return _give_up(screen, str(failed), failed.log_tail)
    screen.tell(Said(f"RabbitMQ: {broker.origin}"))
    demo = _Demo(home, ports, _connection(home, ports, broker))
    ended: list[str] = []
    supervisor = Supervisor(_parts(demo, options, broker), _noting_ends(screen.tell, ended))
    shown = _after_start(supervisor, demo, options, screen)
    status = await _live(supervisor, stopped, screen, shown)
    screen.last_words(ended, home.path, broker.erased_with)
    return status


def _noting_ends(tell: Listener, ended: list[str]) -> Listener:
    """The same listener; which parts were stopped is kept for the last word."""

    def listener(event: Event) -> None:
        if isinstance(event, Stopping):
            ended.append(event.part)
        tell(event)

    return listener


async def _live(supervisor: Supervisor, stopped: "_Signals", screen: Screen, shown: asyncio.Task[None]) -> int:
    running = asyncio.create_task(supervisor.run(), name="supervisor")
    first = asyncio.create_task(stopped.first.wait(), name="signal")
    try:
        done, _ = await asyncio.wait({running, first, shown}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        return 0
    except StackFailed as failed:
        return _give_up(screen, str(failed), failed.log_tail)
    finally:
        for task in (shown, first, running):
            task.cancel()
        await asyncio.gather(shown, first, running, return_exceptions=True)
        screen.close()
        await _stop(supervisor, stopped)


async def _stop(supervisor: Supervisor, stopped: "_Signals") -> None:
    stopping = asyncio.create_task(supervisor.stop_all(), name="stopping")
    impatient = asyncio.create_task(stopped.second.wait(), name="second-signal")
    await asyncio.wait({stopping, impatient}, return_when=asyncio.FIRST_COMPLETED)
    impatient.cancel()
    if not stopping.done():
        await supervisor.kill_all()
    await stopping


def _after_start(supervisor: Supervisor, demo: "_Demo", options: StackOptions, screen: Screen) -> asyncio.Task[None]:
    """A task: how to sign in once all is ready, the first accounts and script, and then the summary for ever."""

    async def show() -> None:
        await supervisor.all_ready()
        screen.sign_in(demo.connection, demo.home.path)
        async with FleetApi(demo.connection) as api, asyncio.TaskGroup() as group:
            group.create_task(assign_at_first(api, demo.logins, screen.tell))
            if options.first_script is not None:
                script = PROJECT / options.first_script
                group.create_task(push_first_script(api, script, _NODE_IDS, screen.tell))
            group.create_task(_summarise(api, supervisor, screen))

    return asyncio.create_task(show(), name="screen")


async def _summarise(api: FleetApi, supervisor: Supervisor, screen: Screen) -> None:
    while True:
        seen = await api.look()
        if isinstance(seen, Away):
            # We look ourselves first: neighbours of what is away can only tell that it does not answer them.
            seen = Away(await supervisor.complaints() or await api.missing() or seen.reasons)
        screen.summary(seen)
        await asyncio.sleep(SUMMARY_SECONDS)


def _give_up(screen: Screen, sentence: str, log_tail: str) -> int:
    screen.tell(Said(f"Callboard cannot start: {sentence}"))
    if log_tail:
        screen.tell(Said(log_tail))
    return 1


def find_ports(options: StackOptions, tell: Listener) -> StackPorts:
    """The usual ports where they are free, other ones where not.

    Raises CommandFailed when the operator asked for the console's and it cannot be had.
    """
    console = options.console_port or USUAL_PORT
    reason = take(console)
    if reason is not None and options.console_port is not None:
        advice = "stop what uses it, give another --port, or none for one that is free"
        raise CommandFailed(ExitCode.FAILED, f"port {console}, which --port asks for, {reason}: {advice}")
    if reason is not None:
        console = free_port()
        tell(Said(f"Port {USUAL_PORT} {reason}: the console gets port {console}"))
    return StackPorts(
        console=console,
        postgres=port_or_free(5432),
        amqp=port_or_free(5672),
        management=port_or_free(15672),
        registry=port_or_free(8081),
        deployer=port_or_free(8082),
        sandbox=port_or_free(8443),
        sandbox_admin=port_or_free(8444),
    )


def _connection(home: Home, ports: StackPorts, broker: Broker) -> KeptConnection:
    token = kept_token(home.connection, fresh=secrets.token_urlsafe(32))
    sandbox = SandboxAdmin(f"http://{LOOPBACK}:{ports.sandbox_admin}")
    connection = KeptConnection(console_url(ports), token, broker.management, sandbox)
    write_connection(home.connection, connection)
    return connection


@dataclass
class _Demo:
    """This start of the demo: where it lies, how to reach it, and the logins that the sandbox gave."""

    home: Home
    ports: StackPorts
    connection: KeptConnection
    logins: Sequence[DemoLogin] = ()

    async def make_world(self) -> None:
        """The chat and its accounts. Raises StartFailed, as all of them do."""
        admin = sandbox_admin_url(self.ports)
        self.logins = await prepare_demo_world(admin, self.connection.token, self.home, _NODE_IDS)

    async def join(self) -> None:
        """The machines become nodes."""
        await join_demo_nodes(self.connection, self.home, DEMO_AGENTS)

    async def fill_vault(self) -> None:
        """The logins go where logins are kept."""
        await fill_vault(self.connection, self.logins)


def _parts(demo: _Demo, options: StackOptions, broker: Broker) -> Sequence[Part]:
    home, ports = demo.home, demo.ports
    postgres = EmbeddedPostgres(home.postgres, port=ports.postgres)
    facts = StackFacts(
        home=home,
        ports=ports,
        options=options,
        amqp_url=broker.url,
        database_url=postgres.url,
        token=demo.connection.token,
        management_url=options.management_url or (broker.management.url if broker.management else None),
        download_secret=kept_secret(home.download_secret),
    )
    return [
        ServerPart(POSTGRES, postgres),
        ServerPart(RABBITMQ, broker, owned=broker.owned),
        StepPart(DEMO_WORLD, demo.make_world, after=frozenset({SANDBOX})),
        StepPart(DEMO_NODES, demo.join, after=frozenset({CONSOLE})),
        StepPart(DEMO_LOGINS, demo.fill_vault, after=frozenset({CONSOLE, DEMO_WORLD})),
        *(ChildPart(plan, home) for plan in plan_children(facts)),
    ]


class _Signals:
    """The first and the second signal to stop; must be made inside the event loop. `heard` is called at the first."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._tell = heard
        self.first, self.second = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._heard)

    def _heard(self) -> None:
        if self.first.is_set():
            self.second.set()
            return
        self.first.set()
        self._tell()
