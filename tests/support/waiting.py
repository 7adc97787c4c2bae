"""Waiting for a condition with a deadline, the only way in which a test here waits for real time."""

import asyncio
from collections.abc import Callable, Coroutine
from inspect import isawaitable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def until(condition: Callable[[], Coroutine[Any, Any, T]], what: str, seconds: float = 20.0) -> T: ...
@overload
async def until(condition: Callable[[], T], what: str, seconds: float = 20.0) -> T: ...
async def until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """The first true value of `condition`. Fails saying `what` it waited for and the last value."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = condition()
        outcome = await value if isawaitable(value) else value
        if outcome:
            return outcome
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what} (last seen: {outcome!r})")
        await asyncio.sleep(0.05)


async def reaches(look: Callable[[], T], wanted: T, what: str, seconds: float = 20.0) -> None:
    """Wait until what is looked at is what is wanted. Fails saying both."""
    try:
        await until(lambda: look() == wanted, what, seconds)
    except AssertionError as error:
        raise AssertionError(f"not within {seconds:g} s: {what}: {look()!r}, not {wanted!r}") from error
