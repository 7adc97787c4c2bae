"""Waiting for a condition: its end, its deadline, and its end by somebody else."""

import asyncio

import pytest

from services.cli.embedded.waiting import until


async def test_a_cancelled_wait_ends_although_its_probe_answers_in_that_moment() -> None:
    """If this broke, Ctrl-C while a server starts would be lost, and `callboard up` would never end."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def probe() -> bool:
        asked.set()
        await answer.wait()
        return False

    waiting = asyncio.create_task(until(probe, 60))
    await asked.wait()
    answer.set()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await waiting


async def test_a_probe_that_is_refused_is_asked_again() -> None:
    """If this broke, the first refused connection would end the wait for a server that is just starting."""
    answers = [ConnectionRefusedError(), TimeoutError(), None]

    async def probe() -> bool:
        answer = answers.pop(0)
        if answer is not None:
            raise answer
        return True

    assert await until(probe, 30)
    assert answers == []


async def test_a_wait_ends_when_there_is_nobody_left_to_wait_for() -> None:
    """If this broke, a server that died while starting would be waited for until the deadline."""

    async def probe() -> bool:
        return False

    async with asyncio.timeout(5):
        assert not await until(probe, 60, give_up=lambda: True)
