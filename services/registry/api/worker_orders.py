"""`/api/v1/workers/{node_id}/commands` and `…/reports`: a node's orders and reports over HTTP.

`commands` is all that somebody else's worker needs beside its heartbeat. `reports` takes what an agent says on the
bus, as parcels; an agent with the HTTP transport uses it and the long poll, and nothing else.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, status
from pydantic import ConfigDict, Field, Strict, model_validator

from services.registry.api.enrolments import refuse_revoked
from services.registry.api.node_rates import TOO_MUCH, NodeRates
from services.registry.domain.views import View
from services.registry.use_cases.cut_off import CutOff
from services.registry.use_cases.hand_over_orders import HandOverOrders, NotTheNewest, TooManyWait
from services.registry.use_cases.pass_on_reports import PassOnReports
from shared.clock import Clock
from shared.contracts.accounts import Reason
from shared.contracts.deliveries import DeliverArtifact, DeliveryOutcome, DeliveryReported, FailureCause
from shared.contracts.identifiers import ContentHash, DeliveryId, NodeId
from shared.contracts.leases import RefusalCause, RefuseLease
from shared.contracts.parcels import Parcel, ParcelId, packed
from shared.http import Problem
from shared.http.fields import Body
from shared.http.responses import AWAY, joined, problems
from shared.http.roles import Role, requires
from shared.messaging.mailbox import MOST_AT_ONCE
from shared.randomness import Randomness

# Less than what proxies commonly allow an answer, and half of what the console does.
LONGEST_WAIT = 30
MOST_PARCELS = 100
MOST_TESTS = 100_000

NodePath = Annotated[NodeId, Path(description="the node's id", examples=["tokyo-1"])]
Wait = Annotated[
    int, Query(ge=0, le=LONGEST_WAIT, description="seconds to wait for the first command when there is none")
]
Most = Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="how many commands to give at most")]
Boot = Annotated[
    int, Query(ge=0, le=2**63 - 1, description="agents: the `boot` of their heartbeats; workers leave it out")
]
Flag = Annotated[bool, Strict()]
Tests = Annotated[int, Strict(), Field(ge=0, le=MOST_TESTS)]

REVOKED = (403, "node-revoked", "the node was cut off: nobody speaks for it")
HAS_AN_AGENT = (409, "node-reports-over-the-bus", "an agent has this node_id: this worker must stop")

_ORDER: dict[str, Any] = {
    "type": DeliverArtifact.TYPE,
    "id": "5f6c1b9f0e4d4a0c8a1f2e3d4c5b6a79",
    "body": {
        "node_id": "tokyo-1",
        "delivery_id": "dlv_0123456789abcdef0123456789abcdef",
        "attempt": 1,
        "artifact": {"kind": "script", "id": "greeter", "version": 3, "hash": "sha256:" + "ab" * 32},
        "size": 11,
        "content": "id: greeter",
        "url": None,
        "bind": "all",
        "issued_at": "2026-01-01T12:00:00Z",
    },
}


class WorkerOrder(View):
    """An order to a node. A worker acts on `node.deliver-artifact.v1` and, if it can unload a script, on
    `node.remove-artifact.v1`; it ignores every other type.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_ORDER]})

    type: str = Field(
        description="what is ordered; `node.deliver-artifact.v1`: load a script, `node.remove-artifact.v1`: unload the "
        "one that `removes.id` names, and report `applied` with no `loaded_hash`"
    )
    id: str = Field(description="the message's id; a command that was sent again has another one")
    body: dict[str, Any] = Field(
        description="of `node.deliver-artifact.v1`: `delivery_id` and `attempt`, to be sent back with the result; "
        "`artifact` with `kind` (`script`), `id`, `version` and `hash` (`sha256:` and the hexadecimal SHA-256 of the "
        "exact bytes); `size` in bytes; exactly one of `content` (the bytes as UTF-8 text) and `url` (fetch it with "
        "GET, without the token: it is signed), the other is null; `bind`, who plays the script from now on: null "
        "changes nothing, `all` is every account, a list names them; `issued_at`: an order that was issued before the "
        "one that is loaded is out of date; `apply_before`: after that do not apply it, but report `failed` with the "
        "cause `too_late` (null: whenever)"
    )


class WorkerOrders(View):
    """Commands, oldest first; none: nothing came in that time."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"commands": [_ORDER]}, {"commands": []}]})

    commands: list[WorkerOrder]


class WorkerTests(Body):
    """How many of a script's own tests ran on the worker, and passed; a total of 0: it has none."""

    passed: Tests = Field(description="how many passed")
    total: Tests = Field(description="how many ran")


class WorkerResult(Body):
    """What became of an order: `received` when it is safe with the worker, if it likes; then `applied` or `failed`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "delivery_id": "dlv_0123456789abcdef0123456789abcdef",
                    "attempt": 1,
                    "outcome": "applied",
                    "loaded_hash": "sha256:" + "ab" * 32,
                    "tests_passed": True,
                },
                {
                    "delivery_id": "dlv_0123456789abcdef0123456789abcdef",
                    "attempt": 1,
                    "outcome": "failed",
                    "cause": "hash_mismatch",
                    "reason": "2 of 11 bytes arrived",
                },
            ]
        }
    )

    delivery_id: DeliveryId = Field(description="from the order")
    attempt: Annotated[int, Strict(), Field(ge=1, le=2**31 - 1, description="from the order")]
    outcome: DeliveryOutcome = Field(description="`received`: kept; `applied`: loaded and running; `failed`: neither")
    loaded_hash: ContentHash | None = Field(
        default=None, description="the hash of what the worker runs for this script now; `applied` needs it"
    )
    tests_passed: Flag | None = Field(
        default=None,
        description="whether none of the script's own tests failed on the worker; `applied` needs it. With false the "
        "delivery stays `applied` and is never verified; a worker that has no means to run them says what it stands by",
    )
    tests: WorkerTests | None = Field(default=None, description="how many of them ran and passed, if it is known")
    cause: FailureCause | None = Field(
        default=None,
        description="of `failed`: `hash_mismatch`, `download_failed` and `storage_failed` are tried again, the others "
        "are final, and so is none",
    )
    reason: Reason | None = Field(default=None, description="of `failed`: a sentence for the operator; needed")

    @model_validator(mode="after")
    def _tells_enough(self) -> "WorkerResult":
        if self.outcome is DeliveryOutcome.APPLIED and (self.loaded_hash is None or self.tests_passed is None):
            raise ValueError("outcome 'applied' needs loaded_hash and tests_passed")
        if self.outcome is DeliveryOutcome.FAILED and not self.reason:
            raise ValueError("outcome 'failed' needs a reason")
        return self


class ResultTaken(View):
    """The result is on its way to the deployer."""

    delivery_id: str


class ReportParcel(Body):
    """One message of an agent, whole."""

    type: str = Field(min_length=1, max_length=100, description="the contract, as the event API names it")
    id: ParcelId = Field(description="the message's id; sent again it is the same one")
    body: dict[str, Any] = Field(description="the contract's JSON; its `node_id` must be the path's")


_CHANGE: dict[str, Any] = {"type": "node.account.v1", "id": "0-17", "body": {"node_id": "tokyo-1", "number": 17}}


class ReportsRequest(Body):
    """Messages of one agent, in their order."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"parcels": [_CHANGE]}]})

    parcels: list[ReportParcel] = Field(min_length=1, max_length=MOST_PARCELS)


class ParcelRefused(View):
    """A parcel that was not taken."""

    id: str
    type: str
    reason: str


class ReportsTaken(View):
    """Which parcels are safe with the broker, and which were refused and why: those are not to be sent again."""

    taken: list[str]
    refused: list[ParcelRefused]


def worker_orders_router(
    hand_over: HandOverOrders,
    pass_on: PassOnReports,
    cut_off: CutOff,
    rates: NodeRates,
    clock: Clock,
    randomness: Randomness,
) -> APIRouter:
    """Orders and reports of the Workers API."""

    async def not_revoked(node_id: NodePath) -> None:
        refuse_revoked(cut_off, node_id)

    router = APIRouter(
        prefix="/api/v1/workers",
        tags=["workers"],
        responses=joined(AWAY, problems(REVOKED, TOO_MUCH)),
        dependencies=[Depends(requires(Role.NODE)), Depends(rates), Depends(not_revoked)],
    )

    @router.get(
        "/{node_id}/commands",
        summary="Fetch the commands of a node",
        responses=problems(
            HAS_AN_AGENT,
            (429, "too-many-polls", "as many nodes wait here as can: ask again later, or without `wait`"),
        ),
    )
    async def fetch_commands(
        request: Request, node_id: NodePath, wait: Wait = 0, most: Most = 20, boot: Boot = 0
    ) -> WorkerOrders:
        """Takes what is ordered of a node, oldest first; with `wait` it is a long poll.

        Commands are handed over once: what is in the answer is not given again. The answer to a heartbeat hands them
        over as well, so a worker that is content with that does not need to ask here. A command whose result does not
        come back is sent again by the deployer, with the same `delivery_id`: answer it again, apply it once.

        Let your client wait longer than `wait`, ask again at once after an answer, and after a pause of a few seconds
        when there was none. Of one node the newest question alone waits; an older one is answered with nothing. An
        agent that asks with the `boot` of an older start gets the refusal of its lease, `node.refuse-lease.v1`.
        """
        orders = await hand_over(node_id, boot, most, wait, lambda: _hung_up(request))
        match orders:
            case NotTheNewest(newest) if boot:
                return WorkerOrders(commands=as_orders([_refusal(node_id, boot, newest)]))
            case NotTheNewest(newest):
                raise has_an_agent(node_id, newest)
            case TooManyWait():
                detail = "as many nodes wait for commands here as can: ask again in a few seconds, or without wait"
                raise Problem(429, "too-many-polls", detail)
        return WorkerOrders(commands=as_orders(orders.parcels))

    @router.post(
        "/{node_id}/commands",
        status_code=status.HTTP_202_ACCEPTED,
        summary="Report the result of a command",
        responses=problems(HAS_AN_AGENT),
    )
    async def report_result(node_id: NodePath, result: WorkerResult) -> ResultTaken:
        """The result of one command of a worker that speaks only HTTP, passed on to the deployer.

        Sending it again does no harm; after 429, 503, or no answer, do so. The delivery is verified when a result says
        `applied` with the ordered hash as `loaded_hash` and with `tests_passed`. A result for a delivery that has
        ended, or that nobody knows, is taken and changes nothing.
        """
        if (newer := await hand_over.newer_start(node_id, 0)) is not None:
            raise has_an_agent(node_id, newer.newest_boot)
        told = result.model_dump() | {"tests_passed": bool(result.tests_passed)}
        report = DeliveryReported(node_id=node_id, at=clock.now(), **told)
        await pass_on(node_id, [packed(report, randomness.new_id())])
        return ResultTaken(delivery_id=result.delivery_id)

    @router.post("/{node_id}/reports", summary="Report as an agent does")
    async def report_parcels(asked: Request, node_id: NodePath, request: ReportsRequest) -> ReportsTaken:
        """What an agent says on the bus, as parcels: the messages of the event API that nodes send.

        Each is judged by itself: one of an unknown type, or in another node's name, is refused with the reason, and
        the others are taken. After 429, 503, or no answer, send all of them again with the same ids. Leases and
        refusals come back as commands. Workers that are not agents report with a heartbeat instead.
        """
        rates.take(asked, len(request.parcels) - 1)
        parcels = [Parcel(type=each.type, id=each.id, body=each.body) for each in request.parcels]
        refused = await pass_on(node_id, parcels)
        return ReportsTaken(
            taken=[parcel.id for place, parcel in enumerate(parcels) if place not in refused],
            refused=[
                ParcelRefused(id=parcels[place].id, type=parcels[place].type, reason=reason)
                for place, reason in refused.items()
            ],
        )

    return router


def as_orders(parcels: list[Parcel]) -> list[WorkerOrder]:
    """Orders as they are shown."""
    return [WorkerOrder(type=parcel.type, id=parcel.id, body=parcel.body) for parcel in parcels]


def has_an_agent(node_id: str, boot: int) -> Problem:
    """The refusal of a worker that has an agent's node_id."""
    detail = (
        f"an agent reports as node {node_id!r}, over the message bus or another way, since boot {boot}: "
        "give this worker a node_id of its own"
    )
    return Problem(409, "node-reports-over-the-bus", detail)


def _refusal(node_id: str, boot: int, newest_boot: int) -> Parcel:
    """What an agent is told that asks with an older start's boot; no beat of it will ever get a lease again."""
    cause = RefusalCause.NEWER_BOOT
    refusal = RefuseLease(node_id=node_id, boot=boot, seq=0, cause=cause, newest_boot=newest_boot)
    return packed(refusal, f"refused-{boot}-{newest_boot}")


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
