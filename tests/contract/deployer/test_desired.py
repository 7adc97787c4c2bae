"""What every store does with what nodes should have."""

from dataclasses import replace
from datetime import timedelta

from services.deployer.domain.desired import Desired, Want
from services.deployer.domain.desired_rows import DriftQuestion
from services.deployer.domain.ports import Transaction
from services.deployer.domain.rollout import Rollout
from shared.contracts.artifacts import AppliedArtifact, Artifact, FileState
from shared.contracts.deployments import DeliveryState
from shared.contracts.drift import DriftKind, DriftPolicy, DriftState
from tests.contract.deployer.conftest import Side
from tests.contract.deployer.rows import deployment, with_deployment
from tests.unit.deployer.making import HASH, OTHER_HASH, START, delivery, new_script, node

WANT = Want(Artifact(id="greeter", version=1, hash=HASH), "dlv_" + "1" * 32, START, 2, DriftPolicy.REPORT)
SECOND = timedelta(seconds=1)
FOUND = AppliedArtifact(
    id="greeter",
    version=7,
    hash=OTHER_HASH,
    tests_passed=True,
    delivery_id="dlv_" + "2" * 32,
    ordered_at=START + SECOND / 1_000_000,
    file=FileState.ALTERED,
    file_hash=HASH,
)


def desired(node_id: str = "a", script_id: str = "greeter", **changes: object) -> Desired:
    """A row in sync."""
    return replace(Desired(node_id, script_id, WANT), **changes)  # type: ignore[arg-type]


def drifted(node_id: str = "a", script_id: str = "greeter", **changes: object) -> Desired:
    """A row with everything in it."""
    fields = {
        "state": DriftState.DRIFTED,
        "kind": DriftKind.OTHER,
        "found": FOUND,
        "reason": "it has something else",
        "heard": "disk full",
        "since": START,
        "repairs": 3,
        "repair_after": START + SECOND,
        "insisted": True,
        "look_at": START + 2 * SECOND,
    }
    return desired(node_id, script_id, **(fields | changes))


async def test_a_row_is_kept_whole(side: Side) -> None:
    """Otherwise an operator would not see what drifted, and a repair would send something else."""
    stranger = drifted("b", want=None, kind=None, found=None)
    async with side.store.begin() as transaction:
        await transaction.desired.want([desired()])
        await transaction.desired.save([drifted(), stranger])
    async with side.store.begin() as transaction:
        assert await transaction.desired.lock(["a", "b", "nobody"], []) == [drifted(), stranger]
        assert await transaction.desired.lock([], [WANT.delivery_id]) == [drifted()]
        assert await transaction.desired.lock_one(("b", "greeter")) == stranger
        assert await transaction.desired.lock_one(("b", "other")) is None
        assert await transaction.desired.wanted_by([WANT.delivery_id, FOUND.delivery_id or ""]) == {
            WANT.delivery_id: "a"
        }
        await transaction.desired.remove([("a", "greeter"), ("nobody", "greeter")])
        assert await transaction.desired.lock(["a", "b"], []) == [stranger]


async def test_a_verified_delivery_replaces_the_row_unless_a_later_order_stands(side: Side) -> None:
    """Otherwise an old delivery that is verified late would undo what an operator has settled."""
    later = desired(want=replace(WANT, ordered_at=START + SECOND, delivery_id="dlv_" + "3" * 32))
    async with side.store.begin() as transaction:
        await transaction.desired.save([drifted(), drifted("b", want=None)])
        await transaction.desired.want([later, desired("b")])
        await transaction.desired.want([desired()])
        assert await transaction.desired.lock(["a", "b"], []) == [later, desired("b")]


async def test_a_stranger_never_takes_the_place_of_a_row(side: Side) -> None:
    """Otherwise a verification at the same moment would be forgotten."""
    async with side.store.begin() as transaction:
        await transaction.desired.want([desired()])
        await transaction.desired.enter([desired(want=None), desired("b", want=None)])
        assert await transaction.desired.lock(["a", "b"], []) == [desired(), desired("b", want=None)]


async def test_due_rows_come_with_what_is_known_of_their_nodes(side: Side) -> None:
    """Otherwise a repair would go to an absent node, or into the middle of a rollout."""
    due = [drifted(name) for name in ("busy", "held", "on", "other", "pending", "unknown")]
    async with side.store.begin() as transaction:
        await with_deployment(transaction, "held", "busy", "pending")
        ours = {one.node_id: one for one in await transaction.deliveries.page(deployment().id, None, 9)}
        busy = replace(ours["busy"], state=DeliveryState.SENT)
        await transaction.deliveries.save([busy, replace(ours["held"], released=False)])
        await transaction.scripts.add(new_script("second"), START)
        await transaction.deployments.add(
            deployment(1, artifact=Artifact(id="second", version=1, hash=HASH), created_at=START + SECOND)
        )
        second = delivery(
            id="dlv_" + "7" * 32,
            deployment_id=deployment(1).id,
            node_id="other",
            artifact=Artifact(id="second", version=1, hash=HASH),
            state=DeliveryState.RECEIVED,
        )
        await transaction.deliveries.add([second])
        await transaction.nodes.save(
            [node(name, artifacts=(FOUND,)) for name in ("busy", "held", "on", "other", "pending")]
        )
        await transaction.verified_bindings.lock(["on", "other"])
        await transaction.verified_bindings.save({"on": {"*": "greeter"}, "other": None})
        await transaction.desired.save([*due, drifted("later", look_at=START + 9 * SECOND), desired("quiet")])
        assert await transaction.desired.claim_due(START, 9) == []
        found = {one.row.node_id: one for one in await transaction.desired.claim_due(START + 2 * SECOND, 9)}
        assert [row.node_id for row in due] == list(found)
        assert len(await transaction.desired.claim_due(START + 2 * SECOND, 3)) == 3
    assert found["on"].node == node("on", artifacts=(FOUND,)) and found["unknown"].node is None
    assert {name: (one.on_its_way, one.busy) for name, one in found.items()} == {
        "busy": (busy.created_at, True),
        "held": (None, False),
        "on": (None, False),
        "other": (None, True),
        "pending": (ours["pending"].created_at, False),
        "unknown": (None, False),
    }
    assert {name: one.bindings for name, one in found.items() if one.bindings is not None} == {"on": {"*": "greeter"}}


async def test_two_replicas_share_the_looks(side: Side) -> None:
    """Otherwise every repair would be sent twice."""
    async with side.store.begin() as transaction:
        await transaction.desired.save([drifted()])
    async with side.store.begin() as transaction:
        [one] = await transaction.desired.claim_due(START + 2 * SECOND, 9)
        await transaction.desired.save([replace(one.row, look_at=START + 9 * SECOND)])
    async with side.store.begin() as transaction:
        assert await transaction.desired.claim_due(START + 2 * SECOND, 9) == []


async def test_shown_rows_are_listed_in_pages_and_filtered(side: Side) -> None:
    """Otherwise the list would show suspicions, or hide what an operator has to settle."""
    newer = drifted("b", "second", state=DriftState.NEWER, kind=None, want=None)
    given_up = drifted("b", state=DriftState.GIVEN_UP, kind=DriftKind.MISSING)
    rows = [drifted(), given_up, newer]

    async def page(transaction: Transaction, **asked: object) -> list[Desired]:
        return await transaction.desired.page(DriftQuestion(**asked), None, 9)  # type: ignore[arg-type]

    async with side.store.begin() as transaction:
        await transaction.desired.save([*rows, drifted("c", state=DriftState.SUSPECTED), desired("d")])
        assert await page(transaction) == rows
        first = await transaction.desired.page(DriftQuestion(), None, 2)
        assert first + await transaction.desired.page(DriftQuestion(), first[-1].key, 2) == rows
        assert await page(transaction, node_id="b") == [given_up, newer]
        assert await page(transaction, script_id="second") == [newer]
        assert await page(transaction, kind=DriftKind.MISSING) == [given_up]
        assert await page(transaction, state=DriftState.DRIFTED, node_id="b") == []


async def test_orders_that_settle_drift_count_when_the_next_one_is_dated(side: Side) -> None:
    """Otherwise a deployment after them would look older to the node, and be refused."""
    async with side.store.begin() as transaction:
        await with_deployment(transaction)
        await transaction.desired.want([desired(want=replace(WANT, ordered_at=START + SECOND))])
        assert await transaction.deployments.newest_order("greeter") == START + SECOND
        assert await transaction.deployments.newest_order("second") is None


async def test_contents_are_known_by_script_and_hash(side: Side) -> None:
    """Otherwise what a node has newer could not be told from what it has older."""
    async with side.store.begin() as transaction:
        stored = await transaction.scripts.add(new_script(), START)
        artifact = stored.version.info.artifact
        asked = [("greeter", artifact.hash), ("other", artifact.hash), ("greeter", OTHER_HASH)]
        assert await transaction.scripts.known(asked) == {("greeter", artifact.hash): artifact}


async def test_verified_bindings_are_kept_empty_whole_or_unknown(side: Side) -> None:
    """Otherwise a repair would take accounts from scripts, or give them to nobody."""
    async with side.store.begin() as transaction:
        assert await transaction.verified_bindings.lock(["b", "a"]) == {"a": {}, "b": {}}
        await transaction.verified_bindings.save({"a": {"*": "greeter"}, "b": None})
    async with side.store.begin() as transaction:
        assert await transaction.verified_bindings.lock(["a", "b"]) == {"a": {"*": "greeter"}, "b": None}


async def test_a_deployment_keeps_what_it_wants_done_about_drift(side: Side) -> None:
    """Otherwise a node that shall only be watched would be repaired."""
    report = deployment(rollout=Rollout(drift="report"))
    async with side.store.begin() as transaction:
        await transaction.scripts.add(new_script(), START)
        await transaction.deployments.add(report)
        assert await transaction.deployments.one(report.id) == report


async def test_what_was_verified_last_is_told(side: Side) -> None:
    """A rollback would take away what a node had, or bring what it had not."""
    async with side.store.begin() as transaction:
        await with_deployment(transaction, "a", "b", "c")
        removed = desired("b", want=replace(WANT, removes=True))
        await transaction.desired.want([desired("a"), removed, desired("a", "other"), desired("d")])
        await transaction.desired.enter([Desired("c", "greeter", None)])
    async with side.store.begin() as transaction:
        assert await transaction.desired.wanted("greeter", ["a", "b", "c"]) == [desired("a"), removed]
        assert await transaction.desired.lock_one(("b", "greeter")) == removed
