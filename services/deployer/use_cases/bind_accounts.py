"""Keep what was ordered to be played where, and find out what an order takes away from other scripts.

`takeovers_of` when an order is planned, `compared` after its transaction, because parsing scripts is computing that
must not hold locks; `bind_accounts` when a node is let go. None of them forbids anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.deployer.domain.ports import Transaction
from services.deployer.domain.scripts import ScriptVersion
from services.deployer.domain.takeovers import Takeover, taken_over
from shared.contracts.artifacts import Artifact
from shared.contracts.bindings import Bind, Bindings, rebound
from shared.scripts import Overlap, Script, overlaps, parse_script


@dataclass(frozen=True, slots=True)
class Takeovers:
    """The losses by script, with the texts to compare: the new version's and, in the same order, the losers'."""

    found: tuple[Takeover, ...] = ()
    source: str = ""
    losers: tuple[str, ...] = ()


async def takeovers_of(
    transaction: Transaction, artifact: Artifact, bind: Bind, before: Mapping[str, Bindings]
) -> Takeovers:
    """What an order would take away on nodes with these bindings."""
    losses = taken_over(before, artifact.id, bind)
    versions = {loser: await transaction.scripts.version(loser, None) for loser in sorted(losses)}
    known: Mapping[str, ScriptVersion] = {loser: one for loser, one in versions.items() if one is not None}
    if not known:
        return Takeovers()
    ours = await transaction.scripts.version(artifact.id, artifact.version)
    found = (Takeover(loser, one.info.artifact.version, tuple(losses[loser])) for loser, one in known.items())
    return Takeovers(tuple(found), ours.body if ours else "", tuple(one.body for one in known.values()))


async def bind_accounts(transaction: Transaction, artifact: Artifact, bind: Bind, node_ids: Sequence[str]) -> None:
    """Write the new bindings of nodes that are about to get the order."""
    if bind is None or not node_ids:
        return
    before = await transaction.bindings.lock(node_ids)
    await transaction.bindings.save({node_id: rebound(of, artifact.id, bind) for node_id, of in before.items()})


def compared(takeovers: Takeovers) -> tuple[Takeover, ...]:
    """The takeovers with the messages that both scripts would answer. May take a moment for large scripts."""
    return tuple(
        replace(takeover, same_messages=_overlaps(takeovers.source, loser))
        for takeover, loser in zip(takeovers.found, takeovers.losers, strict=True)
    )


def _overlaps(first: str, second: str) -> tuple[Overlap, ...]:
    one, other = parse_script(first), parse_script(second)
    # A version stored by an older Callboard may not pass today's check; there is nothing to compare then.
    return overlaps(one, other) if isinstance(one, Script) and isinstance(other, Script) else ()
