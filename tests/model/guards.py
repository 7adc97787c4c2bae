"""The guards of the protocol, each of which can be taken out of the model to see what it is for."""

from enum import StrEnum


class Guard(StrEnum):
    """A rule of an agent (A) or of the registry (R)."""

    LEASE_AT_START = "A starts only under a lease"
    LEASE_END = "A stops by itself when its lease ends"
    MARGIN = "A begins to stop a margin before its lease's end"
    FROM_SENDING = "A counts a lease from the sending of its beat"
    SET_NAMED = "A starts only when a grant has named its own set"
    NEWEST_GRANT = "A goes by what its newest grant named"
    REVISION_RISES = "A takes only a set of a higher revision"
    REALLY_ENDED = "A says released only when the connection has ended"
    GIVEN_BACK = "A never starts again in an epoch that it has given back"
    FOLDER_WAITS = "A starts nothing of its folder that its set has not"
    DEADMAN = "A's kernel kills it at its lease's end while it is connected"
    DEADMAN_FIRST = "A's deadman is armed before the lease is checked for a start"
    AFTER_COMMIT = "R grants only what it has committed"
    WAITS = "R moves only after a release, or the lease's end"
    DRIFT_MARGIN = "R waits for the clocks' drift after a lease's end"
    ONE_TRANSACTION = "R finds a lease ended and moves in one transaction"
    LEASE_RISES = "R never makes a lease end earlier than it was granted"
    STALE_COVERED = "R's lease covers the grants for stale beats too"
    NEWEST_BOOT = "R takes a release only from the newest boot"
    RELEASED_EPOCH = "R takes a release only of the row's epoch"
    EPOCH_RISES = "R gives every assignment a higher epoch"
    NO_RETURN = "R never returns to assigned in the same epoch"
    OVER = "R moves on from a node whose lease has ended, without its word"
    OTHER_MACHINE = "R lets a boot on another machine wait for the lease before it"
