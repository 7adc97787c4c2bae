"""The pace at which a broker is asked that lets nobody in."""

import pytest
from aiormq.exceptions import AMQPConnectionError, ConnectionNotAllowed, ProbableAuthenticationError

from shared.clock import VirtualClock
from shared.messaging.door import Door
from shared.randomness import SeededRandomness

GONE = AMQPConnectionError(111, "Connect call failed ('127.0.0.1', 5672)")
REFUSED = ProbableAuthenticationError("ACCESS_REFUSED - Login was refused")


async def asked(error: Exception, seconds: float) -> int:
    """How often a process asks that is refused with the error each time, however many of its connections want to."""
    clock = VirtualClock()
    door, times = Door(clock, SeededRandomness(1)), 0
    while clock.monotonic() < seconds:
        for _ in range(20):
            try:
                door.check()
            except AMQPConnectionError as last:
                assert last is error
            else:
                times += 1
                door.refused(error)
        await clock.run_for(0.1)
    return times


async def test_a_broker_that_is_away_is_asked_often_and_one_that_refuses_seldom() -> None:
    """Ten thousand nodes that ask a broker which has lost its disk hold up the making of their logins."""
    assert 15 <= await asked(GONE, 60) <= 30
    assert 7 <= await asked(REFUSED, 60) <= 12
    assert await asked(ConnectionNotAllowed("no permission for vhost"), 60) == await asked(REFUSED, 60)


async def test_whoever_is_let_in_opens_it_for_all() -> None:
    """The other connections would wait for seconds beside one that works."""
    clock = VirtualClock()
    door = Door(clock, SeededRandomness(1))
    for _ in range(5):
        door.refused(REFUSED)
    assert door.seconds_closed > 5
    with pytest.raises(ProbableAuthenticationError):
        door.check()
    door.opened()
    door.check()
    assert door.seconds_closed == 0
    door.refused(REFUSED)
    assert door.seconds_closed < 3, "and the pauses begin anew"
