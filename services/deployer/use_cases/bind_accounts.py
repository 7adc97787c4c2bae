"""Keep what was ordered to be played where, and find out what an order takes away from other scripts.

`takeovers_of` when an order is planned, `compared` after its transaction, because parsing scripts is computing that
must not hold locks; `bind_accounts` when a node is let go. None of them forbids anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.deployer.domain.deployments import Effect
from services.deployer.domain.ports import Transaction
from services.deployer.domain.scripts import ScriptVersion
from services.deployer.domain.takeovers import Loss, Takeover, taken_over
from shared.contracts.artifacts import Artifact
from shared.contracts.bindings import Bind, Bindings
from shared.scripts import Script, ScriptProblems, overlaps, parse_script

# Comparing takes up to a second for each script that loses accounts; nobody reads on after so many of them.
MOST_COMPARED = 10


@dataclass(frozen=True, slots=True)
class Takeovers:
    """The losses by script, each with that script's newest version, and the new script's text to compare it with.

    A loser beyond the first `MOST_COMPARED` comes without its version.
    """

    source: str = ""
    found: Sequence[tuple[Takeover, ScriptVersion | None]] = ()


async def takeovers_of(
    transaction: Transaction, artifact: Artifact, bind: Bind, before: Mapping[str, Bindings]
) -> Takeovers:
    """What an order would take away on nodes with these bindings."""
    losses = taken_over(before, artifact.id, bind)
    return await _with_texts(transaction, artifact, losses) if losses else Takeovers()


async def _with_texts(transaction: Transaction, artifact: Artifact, losses: Mapping[str, Sequence[Loss]]) -> Takeovers:
    newest = await transaction.scripts.newest(losses)
    losers = [newest[script_id].artifact for script_id in sorted(newest)]
    ours = (artifact.id, artifact.version)
    texts = await transaction.scripts.contents([ours, *((one.id, one.version) for one in losers[:MOST_COMPARED])])
    found = [(Takeover(one.id, one.version, tuple(losses[one.id])), texts.get((one.id, one.version))) for one in losers]
    return Takeovers(texts[ours].body, found)


async def bind_accounts(transaction: Transaction, effect: Effect, node_ids: Sequence[str]) -> None:
    """Write the new bindings of nodes that are about to get the order."""
    if not effect.binds or not node_ids:
        return
    before = await transaction.bindings.lock(node_ids)
    await transaction.bindings.save({node_id: effect.rebound(of) for node_id, of in before.items()})


def compared(takeovers: Takeovers) -> tuple[Takeover, ...]:
    """The takeovers with the messages that both scripts would answer. May take some seconds for large scripts."""
    ours = parse_script(takeovers.source)
    return tuple(_compared(ours, takeover, version) for takeover, version in takeovers.found)


def _compared(ours: Script | ScriptProblems, takeover: Takeover, version: ScriptVersion | None) -> Takeover:
    theirs = parse_script(version.body) if version is not None else None
    # A version stored by an older Callboard may not pass today's check; there is nothing to compare then.
    if not isinstance(ours, Script) or not isinstance(theirs, Script):
        return takeover
    return replace(takeover, same_messages=overlaps(ours, theirs))
