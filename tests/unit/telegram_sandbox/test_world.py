"""The pure world: sequences, differences, bounds and refusals."""

import pytest

from services.telegram_sandbox.world.difference import Difference, TooLong, account_difference, room_difference
from services.telegram_sandbox.world.models import ROOM, Refusal, Room, User
from services.telegram_sandbox.world.world import MAX_TEXT, Speech, World

NOW = 1_000_000


@pytest.fixture
def world() -> World:
    """A world that keeps ten messages for each room."""
    return World(seed=1, history=10)


@pytest.fixture
def ann(world: World) -> User:
    """A user."""
    return world.add_user("Ann", "ann_the_first")


@pytest.fixture
def bob(world: World) -> User:
    """Another user."""
    return world.add_user("Bob", "bob_the_second")


@pytest.fixture
def hall(world: World, ann: User, bob: User) -> Room:
    """A supergroup with both in it."""
    return world.add_room("supergroup", "The hall", "the_hall", [ann.id, bob.id], NOW)


def texts(difference: Difference | TooLong) -> list[str]:
    """The texts of a difference, in order."""
    assert isinstance(difference, Difference)
    return [change.message.text for change in difference.changes]


def test_a_supergroup_counts_for_itself(world: World, ann: User, hall: Room) -> None:
    """Clients would see gaps in one chat because of another."""
    before = ann.pts
    first, second = (world.say(hall, ann, Speech(text), NOW) for text in ("one", "two"))
    assert (first.id, second.id) == (1, 2)
    assert second.changes == {ROOM: first.changes[ROOM] + 1}
    assert ann.pts == before


def test_a_group_and_a_private_room_count_for_each_account(world: World, ann: User, bob: User) -> None:
    """The account-wide sequence would have holes or repetitions."""
    group = world.add_room("group", "Wings", None, [ann.id, bob.id], NOW)
    said = world.say(group, ann, Speech("here"), NOW)
    whispered = world.say(world.private_room(ann.id, bob.id), bob, Speech("there"), NOW)
    note = world.say(world.private_room(ann.id, ann.id), ann, Speech("to myself"), NOW)
    assert [m.changes[ann.id] for m in (said, whispered, note)] == [2, 3, 4]
    assert [m.changes.get(bob.id) for m in (said, whispered, note)] == [2, 3, None]
    assert said.id < whispered.id < note.id


def test_a_difference_has_what_came_after_and_nothing_else(world: World, ann: User, bob: User, hall: Room) -> None:
    """Catching up would repeat or lose messages."""
    first = world.say(hall, ann, Speech("one"), NOW)
    world.say(hall, bob, Speech("two"), NOW)
    assert texts(room_difference(hall, first.changes[ROOM], 100)) == ["two"]
    assert texts(room_difference(hall, hall.pts, 100)) == []
    assert texts(account_difference(world, ann, ann.pts, 100)) == []


def test_an_edit_is_a_change_but_not_a_new_message(world: World, ann: User, hall: Room) -> None:
    """An edited message would be delivered a second time as new."""
    message = world.say(hall, ann, Speech("one"), NOW)
    seen = hall.pts
    world.edit(hall, ann, message.id, "uno", NOW)
    difference = room_difference(hall, seen, 100)
    assert isinstance(difference, Difference)
    assert [(c.message.text, c.is_new) for c in difference.changes] == [("uno", False)]
    unread = room_difference(hall, 1, 100)
    assert isinstance(unread, Difference)
    assert [c.is_new for c in unread.changes] == [True]


def test_a_long_difference_comes_in_order_and_in_parts(world: World, ann: User, hall: Room) -> None:
    """A reader would lose the rest of a long difference."""
    for number in range(8):
        world.say(hall, ann, Speech(str(number)), NOW)
    first = room_difference(hall, 1, 5)
    assert isinstance(first, Difference) and not first.final
    rest = room_difference(hall, first.pts, 5)
    assert isinstance(rest, Difference) and rest.final
    assert texts(first) + texts(rest) == [str(number) for number in range(8)]


def test_a_reader_behind_the_kept_history_is_told_so(world: World, ann: User, bob: User, hall: Room) -> None:
    """Somebody who missed forgotten messages would believe that there were none."""
    private = world.private_room(ann.id, bob.id)
    for number in range(12):
        world.say(hall, ann, Speech(str(number)), NOW)
        world.say(private, ann, Speech(str(number)), NOW)
    assert len(hall.messages) == len(private.messages) == 10
    assert room_difference(hall, 1, 100) == TooLong(hall.pts)
    assert account_difference(world, bob, 1, 100) == TooLong(bob.pts)
    assert len(texts(room_difference(hall, hall.floor, 100))) == 10


def test_mentions_are_members_named_or_answered(world: World, ann: User, bob: User, hall: Room) -> None:
    """Accounts would be woken by other people's names, or not by their own."""
    world.add_user("Outsider", "outside_man")
    named = world.say(hall, ann, Speech("hi @BOB_the_second and @outside_man and me@ann_the_first"), NOW)
    answer = world.say(hall, bob, Speech("yes", reply_to=named.id), NOW)
    assert named.mentions == {bob.id}
    assert answer.mentions == {ann.id}


def test_refusals_change_nothing(world: World, ann: User, hall: Room) -> None:
    """A refused call would leave half of its traces."""
    stranger = world.add_user("Stranger")
    message = world.say(hall, ann, Speech("mine"), NOW)
    world.changed.clear()
    refusals = {
        "MESSAGE_EMPTY": lambda: world.say(hall, ann, Speech(" "), NOW),
        "MESSAGE_TOO_LONG": lambda: world.say(hall, ann, Speech("x" * (MAX_TEXT + 1)), NOW),
        "CHAT_WRITE_FORBIDDEN": lambda: world.say(hall, stranger, Speech("let me in"), NOW),
        "REPLY_MESSAGE_ID_INVALID": lambda: world.say(hall, ann, Speech("re", reply_to=99), NOW),
        "MESSAGE_AUTHOR_REQUIRED": lambda: world.edit(hall, stranger, message.id, "stolen", NOW),
        "MESSAGE_NOT_MODIFIED": lambda: world.edit(hall, ann, message.id, "mine", NOW),
        "MESSAGE_ID_INVALID": lambda: world.react(hall, ann, 99, "x"),
        "USER_NOT_PARTICIPANT": lambda: world.leave(hall, stranger, NOW),
        "USERNAME_OCCUPIED": lambda: world.add_user("Twin", "ANN_the_first"),
        "USERNAME_INVALID": lambda: world.add_user("Odd", "1x"),
        "USERNAME_NOT_OCCUPIED": lambda: world.named("nobody_here"),
        "INVITE_HASH_EXPIRED": lambda: world.room_by_invite("no"),
        "CHAT_ID_INVALID": lambda: world.room_by_chat_id(-5),
        "CHANNEL_INVALID": lambda: world.room_by_chat_id(-1_000_000_000_005),
    }
    for name, attempt in refusals.items():
        with pytest.raises(Refusal, match=f"^{name}$"):
            attempt()  # type: ignore[no-untyped-call]
    assert world.changed == set()


def test_joining_twice_is_once_and_leaving_is_said(world: World, ann: User, hall: Room) -> None:
    """Members would be counted twice, or vanish without a word."""
    newcomer = world.add_user("New")
    assert world.join(hall, newcomer, NOW) is not None
    assert world.join(hall, newcomer, NOW) is None
    said = world.leave(hall, newcomer, NOW)
    assert (said.action, said.subjects) == ("left", [newcomer.id])
    assert hall not in world.rooms_of(newcomer.id)


def test_the_same_seed_makes_the_same_world() -> None:
    """Ids, hashes and tokens of a seeded world would change from run to run."""

    def build(seed: int) -> tuple[int, int, str | None, str]:
        world = World(seed)
        bot = world.add_user("Usher", "usher_bot", bot=True)
        return bot.id, bot.access_hash, bot.token, world.add_room("group", "Wings", None, [bot.id]).invite

    assert build(1) == build(1) != build(2)
