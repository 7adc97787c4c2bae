"""The registry's side of the protocol: what it may do next with a beat, and what operators and time make it do.

Every step is one transaction. Sets change with the row, in the same transaction.
"""

from collections.abc import Iterator

from tests.model.agent import LEASE
from tests.model.guards import Guard
from tests.model.world import NOBODY, NONE, Beat, Entry, Grant, Machine, Node, Office, Row, Standing

SHORT_LEASE = 2
DRIFT_MARGIN = 1
NAMES = "ABC"

Judged = tuple[str, Office, Machine]


class Registry:
    """The registry of all nodes. `owners` says to which node each machine belongs."""

    def __init__(self, without: frozenset[Guard], owners: tuple[int, ...]) -> None:
        self._without = without
        self._owners = owners
        self._drift_margin = 0 if Guard.DRIFT_MARGIN in without else DRIFT_MARGIN

    def judgements(self, office: Office, number: int, machine: Machine) -> Iterator[Judged]:
        """What may become of the beats of a machine."""
        owner = self._owners[number]
        for place, beat in enumerate(machine.beats):
            if office.nodes[owner].outdated(number):
                if Guard.NEWEST_BOOT in self._without and beat.released != NONE:
                    yield "R judges an earlier boot's beat of", self._released(office, owner, beat.released), machine
                continue
            if Guard.AFTER_COMMIT in self._without and not beat.stale:
                named = office.nodes[owner].revision
                yield "R grants, and fails to commit, a beat of", office, _granted(machine, place, named, office.ticks)
            words = "R judges a stale beat of" if beat.stale else "R judges a beat of"
            yield words, *self._judged(office, number, machine, place)

    def _judged(self, office: Office, number: int, machine: Machine, place: int) -> tuple[Office, Machine]:
        owner, beat = self._owners[number], machine.beats[place]
        node = self._heard(office.nodes[owner], number)
        if not beat.stale or Guard.STALE_COVERED not in self._without:
            node = node._replace(lease=self._renewed(node, office.ticks))
        office = office.with_node(owner, node)
        stale = tuple(each._replace(stale=True) for each in machine.beats[: place + 1])
        machine = machine._replace(beats=(*stale, *machine.beats[place + 1 :]))
        if not node.held and not beat.stale:
            office = self._released(office, owner, beat.released)
        named = 0 if node.held else office.nodes[owner].revision
        return office, _granted(machine, place, named, office.ticks)

    def _heard(self, node: Node, number: int) -> Node:
        """The node after a beat of a boot that is not outdated."""
        if node.newest == number:
            return node
        other = node.home not in (NOBODY, number) and Guard.OTHER_MACHINE not in self._without
        late = node.late if Guard.NEWEST_BOOT in self._without else frozenset()
        heard = node.started.index(number) + 1
        held = max(node.held, node.lease) if other else node.held
        return node._replace(heard=heard, newest=number, home=number, late=late, held=held)

    def _renewed(self, node: Node, ticks: int) -> int:
        lease = ticks + self._drift_margin
        return lease if Guard.LEASE_RISES in self._without else max(lease, node.lease)

    def died(self, office: Office, number: int, beats: tuple[Beat, ...]) -> Office:
        """The machine begins a new boot. What its earlier one has sent may still come."""
        owner = self._owners[number]
        node = office.nodes[owner]
        late = node.late
        if not node.outdated(number) or Guard.NEWEST_BOOT in self._without:
            late |= {beat.released for beat in beats if not beat.stale and beat.released != NONE}
        place = node.started.index(number)
        started = (*node.started[:place], *node.started[place + 1 :], number)
        heard = node.heard - (place < node.heard)
        newest = NOBODY if node.newest == number else node.newest
        return office.with_node(owner, node._replace(started=started, heard=heard, newest=newest, late=late))

    def alone(self, office: Office) -> Iterator[tuple[str, Office]]:
        """What may happen in the registry without a beat of a boot that lives."""
        for number, node in enumerate(office.nodes):
            for epoch in node.late:
                heard = office.with_node(number, node._replace(lease=self._renewed(node, office.ticks)))
                words = f"R judges a late beat of {NAMES[number]}: epoch {epoch} is released"
                yield words, self._released(heard, number, epoch)
        if office.moves:
            yield from self._operator(office, office._replace(moves=office.moves - 1))
        yield from self._sweep(office)
        if office.settings:
            ticks = SHORT_LEASE if office.ticks == LEASE else LEASE
            words = f"R is started again with a lease of {ticks} ticks"
            yield words, office._replace(ticks=ticks, settings=office.settings - 1)

    def ticked(self, office: Office) -> Office:
        """The registry a tick later."""
        nodes = tuple(node._replace(lease=max(0, node.lease - 1), held=max(0, node.held - 1)) for node in office.nodes)
        return office._replace(nodes=nodes)

    def tidy(self, office: Office) -> Office:
        """The same without the leases of nodes that have not the account: nobody waits for them."""
        for number, node in enumerate(office.nodes):
            if node.lease and number != office.row.node:
                office = office.with_node(number, node._replace(lease=0))
        return office

    def _operator(self, office: Office, left: Office) -> Iterator[tuple[str, Office]]:
        row = office.row
        for target in range(len(office.nodes)):
            words = f"the operator moves the account to {NAMES[target]}"
            match row.standing:
                case Standing.UNASSIGNED:
                    yield words, _written(left, Row(Standing.ASSIGNED, target, NOBODY, self._next(row)))
                case Standing.ASSIGNED if target != row.node:
                    yield words, self._leaving(left, target)
                case Standing.RELEASING if target == row.node and Guard.NO_RETURN in self._without:
                    yield words, _written(left, Row(Standing.ASSIGNED, target, NOBODY, row.epoch))
                case Standing.RELEASING if target != row.target:
                    yield words, left._replace(row=row._replace(target=target))
                case _:
                    pass
        if row.standing == Standing.ASSIGNED:
            yield "the operator takes the account away", self._leaving(left, NOBODY)

    def _sweep(self, office: Office) -> Iterator[tuple[str, Office]]:
        """A node's lease has ended, and the drift has passed: its release is waited for no longer."""
        row = office.row
        if office.doomed != NOBODY and office.doomed == row.node:
            yield "R moves the account from whom it found silent", self._taken(office._replace(doomed=NOBODY))
        if (
            Guard.OVER in self._without
            or row.node == NOBODY
            or office.nodes[row.node].lease
            or not (office.moves or row.standing == Standing.RELEASING)
        ):
            return
        words = f"R finds that the lease of {NAMES[row.node]} has ended"
        if Guard.ONE_TRANSACTION in self._without:
            yield words, office._replace(doomed=row.node)
        else:
            yield f"{words}, and moves the account", self._taken(office)

    def _taken(self, office: Office) -> Office:
        if office.row.standing == Standing.ASSIGNED:
            if not office.moves:
                return office
            target = (office.row.node + 1) % len(office.nodes)
            office = self._leaving(office._replace(moves=office.moves - 1), target)
        return self._handed_over(office) if office.row.standing == Standing.RELEASING else office

    def _leaving(self, office: Office, target: int) -> Office:
        row = office.row
        office = _written(office, Row(Standing.RELEASING, row.node, target, row.epoch))
        return self._handed_over(office) if Guard.WAITS in self._without else office

    def _released(self, office: Office, node: int, epoch: int) -> Office:
        row = office.row
        if epoch == NONE or row.standing != Standing.RELEASING or row.node != node:
            return office
        if epoch != row.epoch and Guard.RELEASED_EPOCH not in self._without:
            return office
        return self._handed_over(office)

    def _handed_over(self, office: Office) -> Office:
        row = office.row
        if row.target == NOBODY:
            return _written(office, Row(Standing.UNASSIGNED, NOBODY, NOBODY, row.epoch))
        return _written(office, Row(Standing.ASSIGNED, row.target, NOBODY, self._next(row)))

    def _next(self, row: Row) -> int:
        return row.epoch if Guard.EPOCH_RISES in self._without else row.epoch + 1


def _written(office: Office, row: Row) -> Office:
    """The row and every set that changes with it, each in its next revision."""
    office = office._replace(row=row)
    for number, node in enumerate(office.nodes):
        entry = Entry(row.epoch, row.standing == Standing.RELEASING) if row.node == number else None
        if node.sets[-1] != entry:
            office = office.with_node(number, node._replace(sets=(*node.sets, entry)))
    return office


def _granted(machine: Machine, place: int, named: int, ticks: int) -> Machine:
    beat = machine.beats[place]
    beat = beat._replace(grants=beat.grants | {Grant(named, ticks)})
    return machine._replace(beats=(*machine.beats[:place], beat, *machine.beats[place + 1 :]))
