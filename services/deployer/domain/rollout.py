"""A rollout's policy: in which groups, how fast, how many failures are too many, how long each step may take, and when.

The API's body and the stored form of a deployment are the same model. Whatever is left out has the default of a plain
push: one group, at once, no rule that stops it, the deadline as the only timer. Pure.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    StringConstraints,
    model_validator,
)

from shared.contracts.deliveries import FailureCause

MOST_GROUPS = 50
MOST_RULES = 20
MOST_SECONDS = 366 * 24 * 3600
# Nine times again are ten attempts: with back-off in between, it fails for a reason that somebody has to look at.
RETRIES = 9
# How a failure is counted that has no cause of its own.
TIMED_OUT = "timed_out"
OTHER = "other"
CAUSES = (*(cause.value for cause in FailureCause), TIMED_OUT, OTHER)
NODE_ZONE = "node"
# What a node without a time zone is taken to live in.
UTC_ZONE = "UTC"

_PERCENT = re.compile(r"(100|[1-9][0-9]?)%")


def _zone(name: str) -> str:
    if name != NODE_ZONE and not known_zone(name):
        raise ValueError(f"there is no time zone {name[:64]!r}: write one such as Europe/Berlin, UTC, or the word node")
    return name


def known_zone(name: str) -> bool:
    """Whether the time zone database has it."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not found, a folder, not a name
        return False
    return True


def _size(given: object) -> object:
    if isinstance(given, bool) or not (
        isinstance(given, int) or (isinstance(given, str) and _PERCENT.fullmatch(given))
    ):
        raise ValueError('must be a number of nodes such as 5, or a share of the plan such as "10%"')
    if isinstance(given, int) and not 1 <= given <= 1_000_000:
        raise ValueError("must be from 1 to 1000000 nodes")
    return given


def _cause(name: str) -> str:
    if name not in CAUSES:
        raise ValueError(f"there is no cause {name[:64]!r}: the causes are {', '.join(CAUSES)}")
    return name


def _clock(given: object) -> object:
    if not isinstance(given, str | time) or (isinstance(given, str) and not re.fullmatch(r"[0-2]\d:[0-5]\d", given)):
        raise ValueError('must be a time of day such as "22:30"')
    return given


def _moment(given: object) -> object:
    if not isinstance(given, str | datetime):
        raise ValueError("must be text such as '2026-01-01T12:00:00Z'")
    return given


Size = Annotated[int | str, BeforeValidator(_size)]
Percent = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
Seconds = Annotated[int, Strict(), Field(ge=1, le=MOST_SECONDS)]
Count = Annotated[int, Strict(), Field(ge=1, le=1_000_000)]
Cause = Annotated[str, AfterValidator(_cause)]
TimeOfDay = Annotated[
    time, BeforeValidator(_clock), PlainSerializer(lambda at: at.strftime("%H:%M"), return_type=str, when_used="json")
]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Policy(BaseModel):
    """A part of the policy: strict where it comes in, frozen everywhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rate(Policy):
    """How many nodes are sent to for the first time in a minute.

    With `factor` the rate is multiplied each time that `after_verified` more nodes are verified, up to
    `most_per_minute`.
    """

    per_minute: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
    factor: Annotated[float, Field(ge=1, le=10, allow_inf_nan=False)] = 1.0
    after_verified: Count | None = None
    most_per_minute: Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.factor == 1.0) != (self.after_verified is None):
            raise ValueError("a rate that grows needs both factor (more than 1) and after_verified")
        return self


class StopRule(Policy):
    """When at least `least` deliveries have ended and `failed_percent` of them failed, the deployment stops.

    `causes` counts only failures of these causes. `pause` waits for somebody, `abort` ends it.
    """

    failed_percent: Percent
    least: Count = 1
    causes: Annotated[tuple[Cause, ...], Field(min_length=1, max_length=len(CAUSES))] | None = None
    then: Literal["pause", "abort"] = "pause"


class Timers(Policy):
    """How long a delivery may take for a step while its node is online; null: until the deployment's deadline.

    `receive_seconds` counts from the first send, `apply_seconds` from received, `verify_seconds` from applied.
    """

    receive_seconds: Seconds | None = None
    apply_seconds: Seconds | None = None
    verify_seconds: Seconds | None = None


class Window(Policy):
    """Times of day at which nodes may be sent to for the first time; one that ends before it begins ends the next day.

    `days` are the days on which it begins. `time_zone` is a name such as `Europe/Berlin`, or `node` for each node's
    own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    begins: Annotated[TimeOfDay, Field(alias="from")]
    ends: Annotated[TimeOfDay, Field(alias="to")]
    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)] | None = None
    time_zone: Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone)] = NODE_ZONE

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.begins == self.ends:
            raise ValueError("from and to are the same time: leave the window out for the whole day")
        return self


class Rollout(Policy):
    """The policy of a deployment."""

    groups: Annotated[
        tuple[Size, ...],
        Field(
            min_length=1,
            max_length=MOST_GROUPS,
            description='sizes of the groups, as numbers or shares of the plan, such as [1, "10%", "100%"]; '
            "the last one takes the rest",
        ),
    ] = ("100%",)
    success_percent: Annotated[
        Percent, Field(description="the next group starts when this share of a group is verified")
    ] = 100.0
    rate: Annotated[Rate | None, Field(description="how many nodes a minute; null: all at once")] = None
    stop: Annotated[
        tuple[StopRule, ...], Field(max_length=MOST_RULES, description="how many failures are too many")
    ] = ()
    timers: Annotated[Timers, Field(description="how long each step may take while the node is online")] = Timers()
    retries: Annotated[
        dict[Cause, Annotated[int, Strict(), Field(ge=0, le=1000)]],
        Field(
            max_length=len(CAUSES),
            description="how often a failed attempt is tried again, by cause; "
            f"default {RETRIES} for causes that pass, 0 for others",
        ),
    ] = {}
    deadline_seconds: Annotated[
        Seconds | None, Field(description="a node that is not verified so long after the start has timed out")
    ] = None
    start_at: Annotated[
        AwareDatetime | None,
        BeforeValidator(lambda given: given if given is None else _moment(given)),
        Field(description="start at this time; null: at once, or when it is approved"),
    ] = None
    window: Annotated[Window | None, Field(description="times of day for the first send to a node")] = None
    dynamic: Annotated[
        bool, Strict(), Field(description="nodes that match the selector later join the last group, until the deadline")
    ] = False
    approval: Annotated[bool, Strict(), Field(description="only plan it; it starts when its plan is approved")] = False
    drift: Annotated[
        Literal["repair", "report"],
        Field(description="a node that loses the version after it was verified gets it back, or is only shown"),
    ] = "repair"


# What its fields are made of.
PARTS: Mapping[str, type[Policy]] = {"rate": Rate, "stop": StopRule, "timers": Timers, "window": Window}
PLAIN = Rollout()


class Limits(Policy):
    """What a delivery has of the policy: its own timers and retries."""

    timers: Timers = Timers()
    retries: Mapping[str, int] = {}

    def retries_of(self, cause: FailureCause) -> int:
        """How often a failure of this cause is tried again."""
        return self.retries.get(cause.value, RETRIES if cause.retryable else 0)


DEFAULT_LIMITS = Limits()


def limits_of(rollout: Rollout) -> Limits:
    """What each delivery of a deployment with this policy keeps."""
    limits = Limits(timers=rollout.timers, retries=rollout.retries)
    return DEFAULT_LIMITS if limits == DEFAULT_LIMITS else limits


def group_sizes(groups: Sequence[int | str], total: int) -> list[int]:
    """How many nodes each group has; together they are `total`, and none is empty.

    A share is of the whole plan and rounded up, so a canary of "1%" is never nobody. Groups that are left with nothing
    are left out, and the last one takes the rest whatever it says.
    """
    sizes, left = list[int](), total
    for size in groups[:-1]:
        wanted = size if isinstance(size, int) else -(-total * int(size[:-1]) // 100)
        taken = min(wanted, left)
        if taken:
            sizes.append(taken)
        left -= taken
    return [*sizes, left] if left else sizes
