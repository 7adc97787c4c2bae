"""A registry for tests: applies the heartbeat protocol as strictly as the real one, and grants leases."""

from dataclasses import dataclass, field

from services.node_agent.domain.beats import digest_of
from shared.contracts import names
from shared.contracts.accounts import AccountChanged, AccountReport
from shared.contracts.deliveries import DeliveryReported
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.leases import GrantLease, RefusalCause, RefuseLease
from shared.contracts.sessions import SessionSynced
from shared.messaging import Bus, Route
from tests.support.agent.model_vault import ModelVault

SYNCED = names.Queue("model.synced", (names.Binding(names.EVENTS, "node.*.session"),))


class WrongState(AssertionError):
    """Applying a beat gave another state than its digest names."""


@dataclass
class ModelRegistry:
    """One node's rows. `apply` is the protocol; the handlers put it on a bus."""

    bus: Bus | None = None
    lease_seconds: float = 30.0
    granting: bool = True
    accounts: dict[str, AccountReport] = field(default_factory=dict)
    digest: str | None = None
    newest: tuple[int, int] = (0, 0)
    beats: list[HeartbeatReported] = field(default_factory=list)
    changes: dict[int, AccountChanged] = field(default_factory=dict)
    reports: list[DeliveryReported] = field(default_factory=list)
    vault: ModelVault | None = None

    def apply(self, beat: HeartbeatReported) -> GrantLease:
        """Commit a beat if it builds on what is here; the lease that answers it."""
        self.beats.append(beat)
        builds = beat.full or beat.base_digest == self.digest
        if builds and (beat.boot, beat.seq) > self.newest:
            self.newest = (beat.boot, beat.seq)
            kept = {} if beat.full else {each: row for each, row in self.accounts.items() if each not in beat.removed}
            self.accounts = kept | {report.account_id: report for report in beat.changed}
            self.digest = digest_of(self.accounts)
            if self.digest != beat.digest or len(self.accounts) != beat.account_count:
                raise WrongState(f"beat {beat.seq}")
        return GrantLease(
            node_id=beat.node_id,
            boot=beat.boot,
            seq=beat.seq,
            seconds=self.lease_seconds,
            full_report=not builds,
            ledger_id=beat.ledger_id,
            changes_through=self._gapless(),
            assignments=self.vault.named if self.vault is not None else None,
        )

    def routes(self) -> list[Route]:
        """What a registry and a deployer consume."""
        return [
            Route(names.heartbeats_queue(self.lease_seconds), {HeartbeatReported: self._on_beat}, prefetch=1),
            Route(names.registry_reports_queue(), {AccountChanged: self._on_change}),
            Route(names.deployer_reports_queue(), {DeliveryReported: self._on_report}),
            Route(SYNCED, {SessionSynced: self._on_synced}),
        ]

    async def refuse(self) -> None:
        """Answer the last beat as if another agent had started with the node's id."""
        assert self.bus is not None
        beat = self.beats[-1]
        await self.bus.publish(
            RefuseLease(
                node_id=beat.node_id,
                boot=beat.boot,
                seq=beat.seq,
                cause=RefusalCause.NEWER_BOOT,
                newest_boot=beat.boot + 1,
            )
        )

    def told(self, account_id: str) -> list[AccountReport]:
        """What an account was after each of its changes, in order."""
        ordered = [self.changes[number].account for number in sorted(self.changes)]
        return [account for account in ordered if account.account_id == account_id]

    def statuses(self, account_id: str) -> list[str]:
        """The states that an account went through, in order."""
        return [account.status.value for account in self.told(account_id)]

    def reasons(self, account_id: str, status: str) -> list[str]:
        """The reasons with which an account entered a state."""
        return [account.status_reason or "" for account in self.told(account_id) if account.status == status]

    async def _on_beat(self, beat: HeartbeatReported) -> None:
        grant = self.apply(beat)
        if self.granting and self.bus is not None:
            await self.bus.publish(grant)
            for answer in self.vault.answers(beat) if self.vault is not None else ():
                await self.bus.publish(answer)

    async def _on_synced(self, state: SessionSynced) -> None:
        assert self.vault is not None and self.bus is not None
        if (answer := self.vault.store(state)) is not None:
            await self.bus.publish(answer)

    async def _on_change(self, change: AccountChanged) -> None:
        self.changes[change.number] = change

    async def _on_report(self, report: DeliveryReported) -> None:
        self.reports.append(report)

    def _gapless(self) -> int:
        through = 0
        while through + 1 in self.changes:
            through += 1
        return through
