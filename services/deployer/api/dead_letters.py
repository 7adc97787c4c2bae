"""`/api/v1/dead-letters`: read what could not be handled, publish it again, or drop it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from services.deployer.domain.dead_letters import DeadLetter, DeadLetters, NoSuchLetter, NotReplayable
from shared.contracts.identifiers import DeadLetterId
from shared.http import Problem
from shared.http.responses import AWAY, joined, problems

Id = Annotated[DeadLetterId, Path(description="the letter's id, from the list", examples=["dl_" + "0" * 32])]

UNKNOWN = problems((404, "no-such-letter", "it was replayed, dropped, or has expired"))
NOT_REPLAYABLE = problems((409, "not-replayable", "it cannot be published; it stays where it is"))


class LetterView(BaseModel):
    """A dead letter: where it was going, why it ended here, and its body (`encoding` says how it is written)."""

    id: str
    queue: str | None
    exchange: str | None
    routing_key: str | None
    reason: str | None
    at: str | None
    type: str | None
    body: str
    encoding: Literal["utf-8", "base64"]


class LetterPage(BaseModel):
    """The first letters of the queue, the oldest first."""

    items: list[LetterView]


class Settled(BaseModel):
    """What was done with a letter."""

    id: str
    outcome: Literal["replayed", "dropped"]


def dead_letters_router(letters: DeadLetters) -> APIRouter:
    """The router of dead letters."""
    router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"], responses=AWAY)

    @router.get("", summary="List dead letters")
    async def list_dead_letters(
        limit: Annotated[int, Query(ge=1, le=1000, description="at most this many")] = 100,
    ) -> LetterPage:
        """The oldest letters; reading leaves them in the queue."""
        return LetterPage(items=[_view(letter) for letter in await letters.listed(limit)])

    @router.get("/{letter_id}", summary="Read a dead letter", responses=UNKNOWN)
    async def read_dead_letter(letter_id: Id) -> LetterView:
        """One letter; it stays in the queue."""
        return _view(_found(letter_id, await letters.one(letter_id)))

    @router.post(
        "/{letter_id}/replay",
        summary="Replay a dead letter",
        responses=joined(UNKNOWN, NOT_REPLAYABLE),
    )
    async def replay_dead_letter(letter_id: Id) -> Settled:
        """Publish it to its own exchange and routing key; once the broker has confirmed, it leaves the queue."""
        outcome = await letters.replay(letter_id)
        if isinstance(outcome, NotReplayable):
            raise Problem(409, "not-replayable", f"{outcome.reason}; the letter stays where it is")
        _found(letter_id, outcome)
        return Settled(id=letter_id, outcome="replayed")

    @router.delete("/{letter_id}", summary="Drop a dead letter", responses=UNKNOWN)
    async def drop_dead_letter(letter_id: Id) -> Settled:
        """Remove it from the queue for good."""
        _found(letter_id, await letters.drop(letter_id))
        return Settled(id=letter_id, outcome="dropped")

    return router


def _found(letter_id: str, outcome: DeadLetter | NoSuchLetter) -> DeadLetter:
    if isinstance(outcome, NoSuchLetter):
        raise Problem(
            404, "no-such-letter", f"there is no dead letter {letter_id}: it was replayed, dropped, or has expired"
        )
    return outcome


def _view(letter: DeadLetter) -> LetterView:
    return LetterView(
        id=letter.id,
        queue=letter.queue,
        exchange=letter.exchange,
        routing_key=letter.routing_key,
        reason=letter.reason,
        at=letter.at,
        type=letter.type,
        body=letter.body,
        encoding="base64" if letter.encoding == "base64" else "utf-8",
    )
