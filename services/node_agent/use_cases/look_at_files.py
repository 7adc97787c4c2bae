"""Look at the files of the scripts that are loaded: is each still what was delivered?

Called by a job every so often. The engine goes on with what it has loaded, so an edited or deleted file changes nothing
until the agent is started again; the next heartbeat tells it, and the deployer brings the file back or shows it. What
was restored by hand is told as well. Raises nothing: a file that cannot be read counts as altered.
"""

import structlog

from services.node_agent.domain.ports import Ring, ScriptFiles
from services.node_agent.use_cases.apply_delivery import Loading
from services.node_agent.use_cases.stage import Stage
from shared.contracts.artifacts import AppliedArtifact, FileState
from shared.contracts.identifiers import content_hash

log = structlog.get_logger(__name__)


class LookAtFiles:
    """See the module's docstring. `changed` is rung when the next heartbeat has something to tell of them."""

    def __init__(self, files: ScriptFiles, stage: Stage, loading: Loading) -> None:
        self._files = files
        self._stage = stage
        self._loading = loading
        self.changed: Ring = lambda: None

    async def __call__(self) -> None:
        """Look at each file once."""
        async with self._loading.shelf:
            news = [await self._look(artifact) for artifact in self._stage.artifacts()]
        if any(news):
            self.changed()

    async def _look(self, artifact: AppliedArtifact) -> bool:
        state, found = await self._found(artifact)
        news = self._stage.found_file(artifact.id, state, found)
        if news and state is FileState.INTACT:
            log.info("script_file_is_back", script=artifact.id, version=artifact.version)
        elif news:
            log.warning("script_file_damaged", script=artifact.id, version=artifact.version, file=state, found=found,
                        next="the loaded version goes on; the deployer is told with the next heartbeat")  # fmt: skip
        return news

    async def _found(self, artifact: AppliedArtifact) -> tuple[FileState, str | None]:
        try:
            content = await self._files.read(artifact.id)
        except OSError as error:
            log.debug("script_file_unreadable", script=artifact.id, reason=str(error))
            return FileState.ALTERED, None
        if content is None:
            return FileState.MISSING, None
        found = content_hash(content)
        return (FileState.INTACT, None) if found == artifact.hash else (FileState.ALTERED, found)
