"""Apply a delivery: fetch, check, rehearse, write, load, and report, in this order; or delete, unload and report.

Called by the delivery job, one delivery after the other. Whatever fails before the file is replaced leaves the old
version running; the result and its report are one transaction of the ledger. Applying twice does no harm, so a crash
at any place is mended by applying again. Raises LedgerAway when the result cannot be stored.
"""

import asyncio
from collections.abc import Callable

import structlog

from services.node_agent.domain.deliveries import Applied, Delivery, Failed, Order, StoredArtifact, overtaken, too_late
from services.node_agent.domain.ports import (
    DeliveryLedger,
    Downloader,
    DownloadFailed,
    Offload,
    Ring,
    ScriptFiles,
    StorageFailed,
)
from services.node_agent.use_cases.delivery_reports import DeliveryReports
from services.node_agent.use_cases.roster import Roster
from services.node_agent.use_cases.stage import LoadedScript, Stage
from shared.clock import Clock
from shared.contracts.artifacts import AppliedArtifact
from shared.contracts.bindings import Bindings, rebound, released
from shared.contracts.deliveries import DeliverArtifact, FailureCause, RemoveArtifact
from shared.contracts.heartbeats import MOST_ARTIFACTS
from shared.contracts.identifiers import content_hash
from shared.scripts import Script, ScriptProblems, parse_script, run_tests

log = structlog.get_logger(__name__)


class ApplyDelivery:
    """See the module's docstring. `applied` is rung when what the node runs has changed.

    `may_come` says of an account that is not here yet whether it may be about to.
    """

    def __init__(
        self,
        ledger: DeliveryLedger,
        stage: Stage,
        roster: Roster,
        loading: "Loading",
        reports: DeliveryReports,
        desk: asyncio.Lock,
    ) -> None:
        self._ledger = ledger
        self._stage = stage
        self._roster = roster
        self._loading = loading
        self._reports = reports
        self._desk = desk
        self.applied: Ring = lambda: None
        self.may_come: Callable[[str], bool] = lambda account_id: False

    async def __call__(self, delivery: Delivery) -> None:
        """Apply it and store how that ended."""
        order = delivery.order
        async with self._loading.shelf:
            outcome = await self._tried_safely(order)
            async with self._desk:
                match outcome:
                    case Failed():
                        await self._fail(order, outcome)
                    case LoadedScript():
                        await self._swap(order, outcome)
                    case None:
                        await self._unload(order)

    async def _tried_safely(self, order: Order) -> LoadedScript | Failed | None:
        """A mistake of ours about one script ends its delivery; ending the agent, it would meet it at every start."""
        try:
            return await self._tried(order)
        except Exception as error:
            log.exception("delivery_went_wrong", delivery=order.delivery_id, script=order.artifact.id)
            return Failed(FailureCause.INVALID_SCRIPT, f"a mistake in the agent: {type(error).__name__}: {error}")

    async def _tried(self, order: Order) -> LoadedScript | Failed | None:
        """What is to be played now; None: nothing."""
        later = overtaken(order, self._stage.wanted.get(order.artifact.id))
        if later is not None:
            return Failed(FailureCause.OUT_OF_DATE, later.reason)
        if isinstance(order, RemoveArtifact):
            return await self._loading.remove(order)
        if len({*self._stage.loaded(), order.artifact.id}) > MOST_ARTIFACTS:
            # No heartbeat could tell of it.
            told = f"this node runs {MOST_ARTIFACTS} scripts, as many as it can: take one of them away first"
            return Failed(FailureCause.STORAGE_FAILED, told)
        named = order.bind if isinstance(order.bind, list) else []
        strangers = sorted({each for each in named if each not in self._roster and not self.may_come(each)})
        if strangers:
            return Failed(FailureCause.UNKNOWN_ACCOUNT, f"this node has no account {', '.join(strangers)}")
        return await self._loading.prepare(order)

    async def _swap(self, order: Order, loaded: LoadedScript) -> None:
        stored = StoredArtifact(loaded.artifact, order.delivery_id, order.issued_at)
        self._stage.load(loaded)
        await self._done(order, stored, Applied(loaded.artifact.tests_passed))
        log.info("script_loaded", script=order.artifact.id, version=order.artifact.version, hash=stored.artifact.hash)

    async def _unload(self, order: Order) -> None:
        gone = AppliedArtifact(**order.artifact.model_dump())
        self._stage.unload(order.artifact.id)
        await self._done(order, StoredArtifact(gone, order.delivery_id, order.issued_at, removed=True), Applied(False))
        log.info("script_removed", script=order.artifact.id)

    async def _done(self, order: Order, stored: StoredArtifact, result: Applied) -> None:
        bindings = _bindings_after(order, self._stage.bindings)
        self._stage.bind(bindings)
        self._stage.wanted[order.artifact.id] = stored
        self._roster.recast()
        done = Delivery(order, result)
        await self._ledger.finish(done, self._reports.of(done), artifact=stored, bindings=bindings)
        self.applied()

    async def _fail(self, order: Order, result: Failed) -> None:
        artifact = order.artifact
        if result.cause is not None:
            # First, because the end of a long reason is cut off on its way to the operator.
            still = self._stage.artifact(artifact.id)
            stands = f"version {still.version} goes on" if still else "no version is loaded"
            result = Failed(result.cause, f"{stands}; {result.reason}")
        failed = Delivery(order, result)
        await self._ledger.finish(failed, self._reports.of(failed))
        log.warning("delivery_failed", delivery=order.delivery_id, script=artifact.id, version=artifact.version,
                    cause=result.cause, reason=result.reason)  # fmt: skip
        self.applied()


def _bindings_after(order: Order, before: Bindings) -> dict[str, str]:
    if order.bindings is not None:
        return dict(order.bindings)
    if isinstance(order, RemoveArtifact):
        return released(before, order.artifact.id)
    return rebound(before, order.artifact.id, order.bind)


class Loading:
    """From an order to a script that is on the disk and ready to be played, or to why not.

    `shelf` is held from before a file is replaced until its script is loaded, so that nobody takes the newer file of
    the two for one that was altered by hand.
    """

    def __init__(self, files: ScriptFiles, downloader: Downloader, offload: Offload, clock: Clock) -> None:
        self.shelf = asyncio.Lock()
        self._files = files
        self._downloader = downloader
        self._offload = offload
        self._clock = clock

    async def prepare(self, order: DeliverArtifact) -> LoadedScript | Failed:
        """Everything up to and with the replacement of the file."""
        late = too_late(order, self._clock.now())
        if late is not None:
            return late
        content = await self._content(order)
        if isinstance(content, Failed):
            return content
        script = await self._parsed(order, content)
        if isinstance(script, Failed):
            return script
        tests = await self._offload(run_tests, script)
        unhappy = [test for test in tests if not test.passed]
        if unhappy:
            told = f"{len(unhappy)} of {len(tests)} own tests failed here, {unhappy[0].name!r}: {unhappy[0].difference}"
            return Failed(FailureCause.TESTS_FAILED, told)
        # Again: a download may take its time.
        late = too_late(order, self._clock.now())
        if late is not None:
            return late
        try:
            await self._files.write(order.artifact.id, content)
        except StorageFailed as error:
            return Failed(FailureCause.STORAGE_FAILED, str(error))
        return LoadedScript(script, content, order.artifact.version)

    async def remove(self, order: RemoveArtifact) -> Failed | None:
        """Delete the file; None when it is gone."""
        late = too_late(order, self._clock.now())
        if late is not None:
            return late
        try:
            await self._files.remove(order.artifact.id)
        except StorageFailed as error:
            return Failed(FailureCause.STORAGE_FAILED, str(error))
        return None

    async def _content(self, order: DeliverArtifact) -> bytes | Failed:
        if order.content is not None:
            content = order.content.encode()
        else:
            assert order.url is not None
            try:
                content = await self._downloader.fetch(order.url, order.size)
            except DownloadFailed as error:
                return Failed(FailureCause.DOWNLOAD_FAILED, str(error))
        if len(content) != order.size or content_hash(content) != order.artifact.hash:
            return Failed(
                FailureCause.HASH_MISMATCH,
                f"got {len(content)} bytes with {content_hash(content)}, "
                f"ordered were {order.size} with {order.artifact.hash}",
            )
        return content

    async def _parsed(self, order: DeliverArtifact, content: bytes) -> Script | Failed:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            return Failed(FailureCause.INVALID_SCRIPT, f"not UTF-8: {error}")
        script = await self._offload(parse_script, text, f"{order.artifact.id}.yaml")
        if isinstance(script, ScriptProblems):
            return Failed(FailureCause.INVALID_SCRIPT, str(script))
        if script.id != order.artifact.id:
            return Failed(
                FailureCause.INVALID_SCRIPT, f"the script calls itself {script.id!r}, ordered was {order.artifact.id!r}"
            )
        return script
