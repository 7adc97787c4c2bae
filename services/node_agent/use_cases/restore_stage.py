"""At start: load the scripts that the ledger says this node runs, and what the accounts remember and have to say.

A script file that is missing, altered or no longer readable by this version is not loaded, and the log says why; it is
absent from the heartbeat, so the node never claims to run it. Raises LedgerAway.
"""

import structlog

from services.node_agent.domain.deliveries import StoredArtifact
from services.node_agent.domain.ports import AccountLedger, DeliveryLedger, Offload, ScriptFiles
from services.node_agent.use_cases.stage import LoadedScript, Stage
from services.node_agent.use_cases.unsaid import Unsaid
from shared.contracts.identifiers import content_hash
from shared.scripts import ScriptProblems, parse_script

log = structlog.get_logger(__name__)


class RestoreStage:
    """See the module's docstring."""

    def __init__(
        self,
        deliveries: DeliveryLedger,
        accounts: AccountLedger,
        files: ScriptFiles,
        stage: Stage,
        unsaid: Unsaid,
        offload: Offload,
    ) -> None:
        self._deliveries = deliveries
        self._accounts = accounts
        self._files = files
        self._stage = stage
        self._unsaid = unsaid
        self._offload = offload

    async def __call__(self) -> None:
        """Load what can be loaded."""
        self._stage.restore(await self._accounts.remembered())
        self._unsaid.restore(await self._accounts.sends(), await self._accounts.silences())
        for stored in await self._deliveries.artifacts():
            self._stage.wanted[stored.artifact.id] = stored
            if stored.removed:
                continue
            loaded = await self._loaded(stored)
            if isinstance(loaded, str):
                log.error("script_not_loaded", script=stored.artifact.id, version=stored.artifact.version,
                          reason=loaded)  # fmt: skip
            else:
                self._stage.load(loaded)
        self._stage.bind(await self._deliveries.bindings())

    async def _loaded(self, stored: StoredArtifact) -> LoadedScript | str:
        """The script, or the sentence that says why it is not loaded."""
        try:
            content = await self._files.read(stored.artifact.id)
        except OSError as error:
            return f"its file cannot be read: {error.strerror}"
        if content is None:
            return "its file is gone: deliver it again"
        if content_hash(content) != stored.artifact.hash:
            return f"its file was altered: it is {content_hash(content)}, delivered was {stored.artifact.hash}"
        try:
            script = await self._offload(parse_script, content.decode(), f"{stored.artifact.id}.yaml")
        except Exception as error:
            # A mistake of ours about one script: the agent would meet it at every start.
            log.exception("script_not_read", script=stored.artifact.id)
            return f"a mistake in the agent: {type(error).__name__}: {error}"
        if isinstance(script, ScriptProblems):
            return f"this version of the agent refuses it: {script}"
        return LoadedScript(script, content, stored.artifact.version)
