"""The agent's side of the protocol: what one machine may do next, by itself and when its clock ticks.

It sees its own state and what its node was ever told, nothing else.
"""

from collections.abc import Iterator

from tests.model.guards import Guard
from tests.model.world import NONE, Beat, Entry, Frozen, Grant, Machine, Phase, Sets

LEASE = 3
MARGIN = 1
# How many beats of a machine are under way at most; when it sends another one, any of them is lost.
UNDER_WAY = 2

# Without one of these, grants that can help nobody with all guards may.
_NEEDED_TO_FORGET = {Guard.SET_NAMED, Guard.NEWEST_GRANT, Guard.GIVEN_BACK, Guard.FOLDER_WAITS}


class Agent:
    """An agent. `under_way` bounds its beats; `steady`: leases never change."""

    def __init__(self, without: frozenset[Guard], under_way: int, *, steady: bool) -> None:
        self._without = without
        self._under_way = under_way
        self._margin = 0 if Guard.MARGIN in without else MARGIN
        self._steady = steady
        self._forgets = not without & _NEEDED_TO_FORGET
        # The same machine comes a dozen times, with other machines and other registries around it.
        self._tidied: dict[tuple[Machine, Sets], Machine] = {}

    def steps(self, machine: Machine, sets: Sets) -> Iterator[tuple[str, Machine]]:
        """What the agent may do next, if it gets time."""
        entry = machine.entry(sets)
        yield from self._beats(machine, entry)
        for place, beat in enumerate(machine.beats):
            for grant in beat.grants:
                yield f"takes a grant that names revision {grant.named}", self._granted(machine, place, grant)
        for revision, told in enumerate(sets, 1):
            if revision > machine.view or (Guard.REVISION_RISES in self._without and revision != machine.view):
                words = f"is told revision {revision} of its set: {told or 'nothing'}"
                yield words, self._told(machine._replace(view=revision), told)
        match machine.phase:
            case Phase.IDLE:
                yield from self._starts(machine, entry)
            case Phase.STARTING:
                yield f"connects in epoch {machine.epoch}", machine._replace(phase=Phase.LIVE)
            case Phase.CLOSING:
                yield "has hung up", machine._replace(phase=Phase.IDLE, epoch=NONE)

    def _beats(self, machine: Machine, entry: Entry | None) -> Iterator[tuple[str, Machine]]:
        ended = machine.phase == Phase.IDLE or (machine.phase == Phase.CLOSING and Guard.REALLY_ENDED in self._without)
        released = entry.epoch if entry is not None and entry.release and ended else NONE
        beat, words = Beat(released=released), "beats" if released == NONE else f"beats: epoch {released} is released"
        if beat in machine.beats:
            return  # the same, in the same tick, is still under way
        if len(machine.beats) < self._under_way:
            yield words, machine._replace(beats=(*machine.beats, beat))
            return
        for lost in range(self._under_way):
            yield words, machine._replace(beats=(*machine.beats[:lost], *machine.beats[lost + 1 :], beat))

    def _granted(self, machine: Machine, place: int, grant: Grant) -> Machine:
        beat = machine.beats[place]
        if Guard.NEWEST_GRANT not in self._without:
            # The answers to older beats say nothing any more, nor older answers to this one.
            newer = frozenset(each for each in beat.grants if each.named >= grant.named)
            machine = machine._replace(beats=(beat._replace(grants=newer), *machine.beats[place + 1 :]))
        left = grant.ticks - (0 if Guard.FROM_SENDING in self._without else beat.age)
        if left > machine.lease:
            machine = machine._replace(lease=left, lost=beat.lost)
        return machine._replace(named=grant.named)

    def _told(self, machine: Machine, entry: Entry | None) -> Machine:
        """The machine after it was told another set: what it runs and shall not run, it begins to end."""
        release = entry is not None and entry.release
        if release:
            machine = machine._replace(given_back=max(machine.given_back, entry.epoch if entry else NONE))
        if machine.phase in (Phase.IDLE, Phase.CLOSING):
            return machine
        same = entry is not None and entry.epoch == machine.epoch
        return machine if same and not release else machine._replace(phase=Phase.CLOSING)

    def _starts(self, machine: Machine, entry: Entry | None) -> Iterator[tuple[str, Machine]]:
        leased = machine.lease > self._margin or Guard.LEASE_AT_START in self._without
        if Guard.FOLDER_WAITS in self._without and leased and entry is None:
            yield "starts its own copy of the login", machine._replace(phase=Phase.STARTING, epoch=0)
        if entry is None or entry.release or not leased:
            return
        if machine.named != machine.view and Guard.SET_NAMED not in self._without:
            return
        if entry.epoch <= machine.given_back and Guard.GIVEN_BACK not in self._without:
            return
        yield f"starts in epoch {entry.epoch}", machine._replace(phase=Phase.STARTING, epoch=entry.epoch)

    def deadly(self, machine: Machine) -> bool:
        """Whether the deadman would end the agent if its lease were over."""
        if Guard.DEADMAN in self._without or machine.phase == Phase.IDLE:
            return False
        return machine.phase != Phase.STARTING or Guard.DEADMAN_FIRST not in self._without

    def may_lag(self, machine: Machine, drift: int) -> bool:
        """Whether the machine's clock may miss a tick: it misses at most `drift` of them in a lease."""
        lost = [beat.lost for beat in machine.beats if beat.age < LEASE]
        if machine.lease != NONE:
            lost.append(machine.lost)
        return bool(lost) and max(lost) < drift

    def lagged(self, machine: Machine) -> Machine:
        """The machine after a tick that its clock has missed."""
        beats = tuple(beat._replace(lost=beat.lost + 1) if beat.age < LEASE else beat for beat in machine.beats)
        return machine._replace(beats=beats, lost=machine.lost + (machine.lease != NONE))

    def ticked(self, machine: Machine) -> Machine | None:
        """The machine after a tick; None if its deadman has ended the agent."""
        beats = tuple(
            beat._replace(age=beat.age + 1) if beat.age + 1 < LEASE else beat._replace(age=LEASE, lost=0)
            for beat in machine.beats
        )
        machine = machine._replace(beats=beats, lease=max(NONE, machine.lease - 1))
        if machine.lease <= 0 and machine.frozen != Frozen.SUSPENDED and self.deadly(machine):
            return None
        return machine if machine.frozen else self._lapsed(machine)

    def _lapsed(self, machine: Machine) -> Machine:
        """What an agent that gets time does at once when its lease ends; hanging up takes it a tick at most."""
        if Guard.LEASE_END in self._without:
            return machine
        if machine.lease < self._margin and machine.phase == Phase.CLOSING:
            return machine._replace(phase=Phase.IDLE, epoch=NONE)
        if machine.lease <= self._margin and machine.phase in (Phase.STARTING, Phase.LIVE):
            return machine._replace(phase=Phase.CLOSING)
        return machine

    # What can have no effect any more is forgotten, so that two worlds that differ in it are one.

    def tidy(self, machine: Machine, sets: Sets) -> Machine:
        """The same machine without what can have no effect any more."""
        tidied = self._tidied.get((machine, sets))
        if tidied is None:
            tidied = self._tidied[machine, sets] = self._tidy(machine, sets)
        return tidied

    def _tidy(self, machine: Machine, sets: Sets) -> Machine:
        if machine.lease == 0 and self._margin:
            machine = machine._replace(lease=NONE)
        if machine.lease == NONE and machine.lost:
            machine = machine._replace(lost=0)
        if not self._forgets:
            return machine
        if machine.phase == Phase.IDLE:
            machine = self._tidy_idle(machine, sets)
        beats = tuple(self._tidy_beat(beat, machine, sets) for beat in machine.beats)
        # What is stale and brings no grant can only bring one that a new beat would bring too, for longer.
        beats = tuple(beat for beat in beats if not beat.stale or beat.grants or (machine.phase and beat.age < LEASE))
        return machine._replace(beats=beats)

    def _tidy_idle(self, machine: Machine, sets: Sets) -> Machine:
        """An idle machine starts only after a grant for a startable set, which brings at least the lease it has."""
        if machine.named and self._hopeless(machine.named, machine, sets):
            machine = machine._replace(named=0)
        # Of two grants the later beat's lease ends later, unless the lease was made shorter between.
        return machine._replace(lease=NONE, lost=0) if self._steady and not machine.named else machine

    def _tidy_beat(self, beat: Beat, machine: Machine, sets: Sets) -> Beat:
        if beat.age >= LEASE:
            return beat._replace(grants=frozenset())
        if beat.stale and beat.released != NONE:
            beat = beat._replace(released=NONE)
        if machine.phase == Phase.IDLE:
            useful = (grant for grant in beat.grants if not self._hopeless(grant.named, machine, sets))
        else:
            useful = (
                grant for grant in beat.grants if grant.ticks - beat.age > machine.lease or grant.named != machine.named
            )
        return beat._replace(grants=frozenset(useful))

    def _hopeless(self, named: int, machine: Machine, sets: Sets) -> bool:
        """Whether an idle machine can never start by a grant that names this revision."""
        entry = sets[named - 1] if named else None
        return entry is None or entry.release or entry.epoch <= machine.given_back or named < machine.view
