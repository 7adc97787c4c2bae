"""A deployment in words: how far it is, what it waits for, and why it failed. Pure."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from services.cli.rollout.spelling import window
from services.cli.table import Record
from shared.contracts.deployments import FINAL_DEPLOYMENT_STATES, FINAL_STATES, DeliveryState, DeploymentState

MOST_REASONS = 5
FINAL = frozenset(state.value for state in FINAL_STATES)
_ENDED = frozenset(state.value for state in FINAL_DEPLOYMENT_STATES)

IN_STATE = {
    DeploymentState.PLANNED: "waits for approval",
    DeploymentState.SCHEDULED: "waits for its time",
    DeploymentState.RUNNING: "is running",
    DeploymentState.PAUSED: "is paused",
    DeploymentState.SUCCEEDED: "has succeeded",
    DeploymentState.FAILED: "has failed",
    DeploymentState.ABORTED: "was aborted",
    DeploymentState.CANCELED: "was canceled",
}


def is_final(deployment: Record) -> bool:
    """Whether nothing more will happen."""
    return deployment.get("state") in _ENDED


def all_verified(deployment: Record) -> bool:
    """Whether every node runs what it was sent."""
    states = set(totals(deployment))
    return deployment.get("state") == DeploymentState.SUCCEEDED.value and states <= {DeliveryState.VERIFIED.value}


def summary(deployment: Record) -> str:
    """`2 of 9 verified, 1 sent, 6 held`; of a deployment or of one of its groups."""
    counts = totals(deployment)
    # A plan has no deliveries yet, but it knows how many there will be.
    every = sum(counts.values()) or int(deployment.get("total") or deployment.get("size") or 0)
    verified = counts.pop(DeliveryState.VERIFIED.value, 0)
    return ", ".join([f"{verified} of {every} verified", *(f"{count} {state}" for state, count in counts.items())])


def totals(deployment: Record) -> dict[str, int]:
    """How many nodes are in which state; what its rollout holds back is `held` and not `pending`."""
    counts = {state: count for state, count in (deployment.get("totals") or {}).items() if count}
    held = held_back(deployment)
    if held:
        left = counts.pop(DeliveryState.PENDING.value, held) - held
        counts |= ({DeliveryState.PENDING.value: left} if left > 0 else {}) | {"held": held}
    return counts


def held_back(deployment: Record) -> int:
    """How many nodes wait for the rollout to come to them."""
    groups = deployment.get("groups")
    return sum(one.get("held") or 0 for one in groups) if groups is not None else int(deployment.get("held") or 0)


def under_way(deployment: Record) -> int:
    """How many nodes were let go and have not ended."""
    counts = totals(deployment)
    return sum(count for state, count in counts.items() if state not in FINAL and state != "held")


def ended(deployment: Record) -> int:
    """How many nodes have come to an end, good or bad."""
    return sum(count for state, count in totals(deployment).items() if state in FINAL)


def headline(deployment: Record) -> str:
    """`dep_…  welcome 3  paused`."""
    script = what(deployment)
    return f"{deployment.get('deployment_id')}  {script}  {deployment.get('state')}"


def what(deployment: Record) -> str:
    """`greeter 2`, or `removal of greeter`."""
    if deployment.get("removes"):
        return f"removal of {deployment.get('script_id')}"
    return f"{deployment.get('script_id')} {deployment.get('version')}"


def waiting_for(deployment: Record) -> str:
    """What has to happen for it to go on, or why it ended early; empty where there is nothing to say."""
    name, reason = deployment.get("deployment_id"), deployment.get("reason")
    policy: Mapping[str, Any] = deployment.get("rollout") or {}
    match deployment.get("state"):
        case DeploymentState.PLANNED:
            return f"waits for approval: `callboard deployments approve {name} {deployment.get('plan_hash')}` starts it"
        case DeploymentState.SCHEDULED:
            return f"waits for its time: {policy.get('start_at')}"
        case DeploymentState.PAUSED:
            ways = (
                f"`callboard deployments resume {name}` goes on, `callboard deployments rollback {name}` takes it back"
            )
            return f"paused: {reason or 'no reason was given'}; {ways}"
        case DeploymentState.RUNNING if held_back(deployment) and not under_way(deployment) and policy.get("window"):
            return f"waits for its window: {window(policy['window'])}"
        case _:
            return f"{reason}" if reason else ""


def causes(deployment: Record) -> list[str]:
    """The failures by cause, the most frequent first."""
    counts = deployment.get("causes") or {}
    return [f"{count} × {cause}" for cause, count in sorted(counts.items(), key=lambda one: -one[1]) if count]


def failures(deployment: Record) -> list[str]:
    """The reasons for which deliveries failed, the most frequent first; for one whose deliveries are all here."""
    failed = FINAL - {DeliveryState.VERIFIED.value}
    reasons = Counter(
        f"{one.get('state')}: {one.get('reason') or 'no reason was given'}"
        for one in deployment.get("deliveries") or []
        if one.get("state") in failed
    )
    return [f"{count} × {reason}" for reason, count in reasons.most_common(MOST_REASONS)]


def nodes(count: int) -> str:
    """`1 node`, `3 nodes`."""
    return f"{count} node" if count == 1 else f"{count} nodes"
