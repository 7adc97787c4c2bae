"""What a deployment does next, from nothing but its row and the time: exactly one decision for every look at it.

| state     | decision                                                                                                |
| --------- | ------------------------------------------------------------------------------------------------------- |
| planned   | `Expire` when nobody has approved it in time                                                            |
| scheduled | `Start` when its time has come                                                                          |
| running   | `Abort` or `Pause` by a stop rule; `Pause` when a group cannot reach its share any more;                |
|           | `Release` of a part of the first group that may be sent and has something left; `Close` at the deadline |
| paused    | `Close` at the deadline                                                                                 |

`Wait` is what is left, with the time of the next look; whatever happens to a delivery makes it earlier. A group may be
sent when every earlier one has reached its share: verified of its size, those that a newer deployment has taken over
not counted. A share that cannot be reached pauses at once, because a rollout that only stands still is what nobody
notices. The last group guards nothing, so it never pauses. Pure; `AdvanceDeployments` does what is decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.deployer.domain.deployments import Deployment, Group, gone_to
from services.deployer.domain.rollout import Rate, StopRule
from services.deployer.domain.windows import open_zones, opens_next
from shared.contracts.deployments import DeliveryState, DeploymentState

# What another transaction holds, or whose window is closed, is asked for again after so long.
AGAIN = timedelta(seconds=5)
# A rate may catch up so much after a pause of ours, and no more: no flood after an outage.
MOST_CREDIT_SECONDS = 2.0
_BADLY = (DeliveryState.FAILED, DeliveryState.TIMED_OUT, DeliveryState.CANCELED)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until then; None: only what happens to its deliveries counts."""

    until: datetime | None


@dataclass(frozen=True, slots=True)
class Start:
    """It was scheduled for now."""


@dataclass(frozen=True, slots=True)
class Expire:
    """Its plan was not approved in time."""

    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """Let go of so many of a group (counted from 1), of those in these time zones; None: of all."""

    group: int
    most: int
    zones: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop sending until somebody resumes it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Abort:
    """End it now."""

    reason: str


@dataclass(frozen=True, slots=True)
class Close:
    """Take no late joiners any more; it ends with its last delivery."""


Decision = Wait | Start | Expire | Release | Pause | Abort | Close


def decided(deployment: Deployment, now: datetime) -> Decision:
    """What to do now."""
    match deployment.state:
        case DeploymentState.PLANNED:
            return _of_a_plan(deployment, now)
        case DeploymentState.SCHEDULED:
            at = deployment.rollout.start_at
            return Start() if at is None or now >= at else Wait(at)
        case DeploymentState.RUNNING:
            return _of_a_running_one(deployment, now)
        case DeploymentState.PAUSED:
            return _at_the_deadline(deployment, now) or _wait(deployment, None, now)
        case _:
            return Wait(None)


def released(deployment: Deployment, count: int, now: datetime) -> Deployment:
    """The deployment after so many deliveries were let go; the groups were counted already."""
    rate = deployment.rollout.rate
    if rate is None:
        return deployment
    credit = _credit(deployment, rate, now) - count
    return replace(deployment, progress=replace(deployment.progress, credit=credit, credit_at=now))


def resumed(deployment: Deployment) -> Deployment:
    """Running again: what has failed so far is forgiven, and a group that fell short of its share is let pass.

    Otherwise it would pause again at the next look for what somebody has just seen.
    """
    progress = replace(deployment.progress, forgiven=deployment.progress.causes, forgiven_ended=deployment.ended)
    place = frontier(deployment)
    if _falls_short(deployment, place) is not None:
        progress = replace(progress, waived=place + 1)
    return gone_to(deployment, DeploymentState.RUNNING, reason=None, progress=progress)


def frontier(deployment: Deployment) -> int:
    """The place of the group that the rollout has come to: the first that has not reached its share, or the last."""
    groups = deployment.progress.groups
    for place, group in enumerate(groups[:-1]):
        if place >= deployment.progress.waived and not _reached(group, deployment.rollout.success_percent):
            return place
    return max(0, len(groups) - 1)


def rate_now(rate: Rate, verified: int) -> float:
    """Nodes per minute after so many are verified."""
    if rate.after_verified is None:
        return rate.per_minute
    # The exponent is bounded before it is raised: 2.0**2000 is an OverflowError, not a high rate.
    grown = rate.per_minute * rate.factor ** min(verified // rate.after_verified, 200)
    return min(grown, rate.most_per_minute) if rate.most_per_minute is not None else grown


def _of_a_plan(deployment: Deployment, now: datetime) -> Decision:
    expires = deployment.deadline_at
    if expires is None or now < expires:
        return Wait(expires)
    return Expire(f"nobody approved its plan before {expires.isoformat(timespec='seconds')}")


def _of_a_running_one(deployment: Deployment, now: datetime) -> Decision:
    stop = _tripped(deployment)
    if stop is not None:
        return stop
    place = frontier(deployment)
    shortfall = _falls_short(deployment, place)
    if shortfall is not None:
        return Pause(shortfall)
    ended = _at_the_deadline(deployment, now)
    if ended is not None:
        return ended
    startable = deployment.progress.groups[: place + 1]
    held = next((each for each, group in enumerate(startable) if group.held), None)
    return _wait(deployment, None, now) if held is None else _release(deployment, held, now)


def _at_the_deadline(deployment: Deployment, now: datetime) -> Close | None:
    late = deployment.deadline_at is not None and now >= deployment.deadline_at
    return Close() if deployment.open_ended and late else None


def _release(deployment: Deployment, place: int, now: datetime) -> Decision:
    most, zones = deployment.progress.groups[place].held, None
    window, rate = deployment.rollout.window, deployment.rollout.rate
    if window is not None:
        zones = open_zones(window, deployment.progress.zones, now)
        if not zones:
            return _wait(deployment, opens_next(window, deployment.progress.zones, now), now)
    if rate is not None:
        credit = _credit(deployment, rate, now)
        if credit < 1:
            per_second = _per_second(deployment, rate)
            # A little late rather than a little early: what is left of a second is rounded away in a float.
            return _wait(deployment, now + timedelta(seconds=(1 - credit) / per_second + 0.001), now)
        most = min(most, int(credit))
    return Release(place + 1, most, zones)


def _wait(deployment: Deployment, until: datetime | None, now: datetime) -> Wait:
    """Until then. Deliveries have timers of their own, so only an open end needs the deadline to be looked at."""
    deadline = deployment.deadline_at if deployment.open_ended else None
    return Wait(min((at for at in (until, deadline) if at is not None and at > now), default=None))


def _credit(deployment: Deployment, rate: Rate, now: datetime) -> float:
    """How many nodes may be sent to now. What was not used is kept for a moment only."""
    progress = deployment.progress
    per_second = _per_second(deployment, rate)
    passed = 0.0 if progress.credit_at is None else max(0.0, (now - progress.credit_at).total_seconds())
    return min(progress.credit + passed * per_second, max(1.0, per_second * MOST_CREDIT_SECONDS))


def _per_second(deployment: Deployment, rate: Rate) -> float:
    return rate_now(rate, deployment.totals.get(DeliveryState.VERIFIED, 0)) / 60


def _tripped(deployment: Deployment) -> Pause | Abort | None:
    """The stop rule that applies; one that aborts before one that pauses."""
    reasons = [(rule.then, reason) for rule in deployment.rollout.stop if (reason := _broken(deployment, rule))]
    for then, reason in sorted(reasons, key=lambda each: each[0] != "abort"):
        return Abort(reason) if then == "abort" else Pause(reason)
    return None


def _broken(deployment: Deployment, rule: StopRule) -> str | None:
    progress = deployment.progress
    ended = deployment.ended - progress.forgiven_ended
    failed = sum(
        count - progress.forgiven.get(cause, 0)
        for cause, count in progress.causes.items()
        if rule.causes is None or cause in rule.causes
    )
    if failed < 1 or ended < rule.least or failed * 100 < rule.failed_percent * ended:
        return None
    why = "" if rule.causes is None else f" ({', '.join(rule.causes)})"
    return f"{failed} of {ended} nodes failed{why}: the rule allows less than {rule.failed_percent:g} %"


def _share_base(group: Group) -> int:
    return group.size - group.count(DeliveryState.SUPERSEDED)


def _reached(group: Group, percent: float) -> bool:
    base = _share_base(group)
    return base > 0 and group.count(DeliveryState.VERIFIED) * 100 >= percent * base


def _falls_short(deployment: Deployment, place: int) -> str | None:
    """Why the group can never reach its share; None if it can, or guards nothing."""
    groups, percent = deployment.progress.groups, deployment.rollout.success_percent
    if place >= len(groups) - 1 or not any(group.held for group in groups[place + 1 :]):
        return None
    group, base = groups[place], _share_base(groups[place])
    lost = group.count(*_BADLY)
    if base == 0:
        return f"group {place + 1} was taken over by newer deployments: it proves nothing for the next one"
    if (base - lost) * 100 >= percent * base:
        return None
    return f"{lost} of {base} nodes of group {place + 1} failed: {percent:g} % verified cannot be reached"
