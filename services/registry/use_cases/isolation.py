"""A batch in which one item cannot be written must not take the others with it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from services.registry.domain.lease import Unrecordable
from shared.messaging import Unavailable

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


async def record_each(
    items: Sequence[Item], record: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]
) -> list[Result | Unrecordable]:
    """Record all together; if that fails, each by itself, so that the error stays with the item that has it.

    Raises Unavailable: then nothing is wrong with any of them, and all are to be tried again.
    """
    try:
        return list(await record(items))
    except Unavailable:
        raise
    except Exception as error:
        if len(items) == 1:
            return [Unrecordable(error)]
        log.warning("batch_recorded_one_by_one", items=len(items), reason=f"{type(error).__name__}: {error}")
    results: list[Result | Unrecordable] = []
    for item in items:
        results += await record_each([item], record)
    return results
