"""Beats and grants that are lost, late or out of order, and what the registry has in the end."""

from hypothesis import given, settings
from hypothesis import strategies as st

from services.node_agent.domain.beats import Beats, digest_of
from shared.contracts.accounts import AccountReport
from shared.contracts.heartbeats import HeartbeatReported
from shared.contracts.leases import GrantLease
from tests.support.agent.model_registry import ModelRegistry
from tests.unit.node_agent.test_beats import IDS, message, report

OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(IDS), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.sampled_from(IDS), st.just(0)),
        st.tuples(st.just("beat"), st.just(""), st.just(0)),
        st.tuples(st.just("arrive"), st.just(""), st.integers(0, 5)),
        st.tuples(st.just("lose"), st.just(""), st.integers(0, 5)),
        st.tuples(st.just("grant"), st.just(""), st.integers(0, 5)),
        st.tuples(st.just("erase"), st.just(""), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(OPERATIONS)
def test_the_registry_always_ends_with_the_agents_state(operations: list[tuple[str, str, int]]) -> None:
    """Whatever beats and grants are lost, late or out of order, three undisturbed exchanges agree.

    The model raises if applying a beat ever gives another state than its digest names.
    """
    beats, registry = Beats(), ModelRegistry()
    on_the_way: list[HeartbeatReported] = []
    grants: list[GrantLease] = []
    truth: dict[str, AccountReport] = {}
    for what, account_id, number in operations:
        if what == "put":
            truth[account_id] = report(account_id, number)
            beats.put(truth[account_id])
        elif what == "remove":
            truth.pop(account_id, None)
            beats.remove(account_id)
        elif what == "beat":
            on_the_way.append(message(beats.next()))
        elif what == "arrive" and on_the_way:
            grants.append(registry.apply(on_the_way.pop(number % len(on_the_way))))
        elif what == "lose" and on_the_way:
            on_the_way.pop(number % len(on_the_way))
        elif what == "grant" and grants:
            answer = grants.pop(number % len(grants))
            beats.confirm(answer.seq, full_report=answer.full_report)
        elif what == "erase":
            registry.accounts, registry.digest = {}, None
    for _ in range(3):
        answer = registry.apply(message(beats.next()))
        beats.confirm(answer.seq, full_report=answer.full_report)
    assert registry.accounts == truth
    assert registry.digest == digest_of(truth)
