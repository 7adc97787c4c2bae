"""Which injected fault answers which call."""

import pytest

from services.telegram_sandbox import faults as faults_module
from services.telegram_sandbox.faults import (
    Faults,
    FloodWait,
    LostAnswer,
    Mute,
    RpcFailure,
    TooManyFaults,
    TransportFailure,
)

SEND = "messages.sendMessage"


def test_a_fault_is_for_its_method_and_user() -> None:
    """A fault would hit calls that it was not meant for."""
    faults = Faults()
    faults.add(FloodWait(method=SEND, seconds=30, user_id=1))
    assert faults.error_for(SEND, 1) == (420, "FLOOD_WAIT_30")
    assert faults.error_for(SEND, 2) is None
    assert faults.error_for("messages.getHistory", 1) is None


def test_a_star_is_every_method() -> None:
    """An outage of all methods could not be played."""
    faults = Faults()
    faults.add(RpcFailure(method="*", code=500, error="INTERNAL"))
    assert faults.error_for("users.getUsers", None) == (500, "INTERNAL")


def test_times_are_used_up_and_the_given_fault_is_not_changed() -> None:
    """A fault would come too often, or the caller's object would change under its hands."""
    faults, given = Faults(), RpcFailure(method=SEND, code=400, error="PEER_FLOOD", times=2)
    faults.add(given)
    assert [faults.error_for(SEND, 1) for _ in range(3)] == [(400, "PEER_FLOOD"), (400, "PEER_FLOOD"), None]
    assert given.times == 2
    assert faults.active() == {}


def test_a_lost_answer_is_no_error_and_an_error_loses_no_answer() -> None:
    """A call that shall be carried out would be refused, or one that is refused would also be left hanging."""
    faults = Faults()
    faults.add(LostAnswer(method=SEND, cut=True, user_id=1, times=1))
    assert faults.error_for(SEND, 1) is None and faults.answer_lost(SEND, 2) is None
    assert faults.answer_lost("users.getUsers", 1) is None
    lost = faults.answer_lost(SEND, 1)
    assert lost is not None and lost.cut and faults.answer_lost(SEND, 1) is None
    faults.add(RpcFailure(method=SEND, code=400, error="PEER_FLOOD"))
    assert faults.answer_lost(SEND, 1) is None


def test_a_transport_error_is_for_packets_whatever_is_asked() -> None:
    """What a data centre says before it looks into a packet could not be played for one user alone."""
    faults = Faults()
    faults.add(TransportFailure(code=429, user_id=1, times=1))
    assert faults.transport_error_for(2) is None and not faults.is_mute(1)
    assert [faults.transport_error_for(1) for _ in range(2)] == [429, None]


def test_how_often_a_fault_was_met_is_known_as_long_as_it_is_there() -> None:
    """A test could not tell whether its fault has happened yet."""
    faults = Faults()
    lasting = faults.add(LostAnswer(method=SEND))
    faults.add(RpcFailure(method="users.getUsers", code=500, error="INTERNAL", times=1))
    assert faults.met(lasting) == 0
    for _ in range(3):
        faults.answer_lost(SEND, 1)
    faults.error_for("users.getUsers", 1)
    assert faults.met(lasting) == 3 and list(faults.active()) == [lasting]
    faults.clear_all()
    assert faults.met(lasting) == 0


def test_muteness_is_for_one_or_for_all() -> None:
    """A mute fault for one user would silence all, or the other way round."""
    faults = Faults()
    one = faults.add(Mute(user_id=1))
    assert faults.is_mute(1) and not faults.is_mute(2) and not faults.is_mute(None)
    faults.add(Mute())
    assert faults.is_mute(None)
    assert faults.clear(one) and not faults.clear(one)
    faults.clear_all()
    assert not faults.is_mute(1)


def test_faults_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test in a loop would fill the memory."""
    monkeypatch.setattr(faults_module, "_MAX_FAULTS", 1)
    faults = Faults()
    faults.add(Mute())
    with pytest.raises(TooManyFaults, match="clear some"):
        faults.add(Mute())
