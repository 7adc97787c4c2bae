"""Steps beside speaking and waiting: reactions, choices, `when`, and the account's variables."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

from shared.randomness import SeededRandomness
from shared.scripts import Effect, Engine, Fault, Incoming, Newcomer, React, SendText
from shared.scripts.reactions import REACTIONS, canonical_reaction
from tests.support.scripts.rows import Rows
from tests.unit.scripts.conftest import Parsed

Make = Callable[[str], Engine]
Say = Callable[..., Incoming]
T = TypeVar("T")


def _texts(effects: list[Effect]) -> list[str]:
    return [effect.text if isinstance(effect, SendText) else str(effect) for effect in effects]


def _go(steps: str, head: str = "") -> str:
    return f"{head}\nscenes: {{a: {{triggers: [{{command: /go}}], steps: {steps}}}}}"


class Loaded:
    """Dice that always fall on the same part of the range."""

    def __init__(self, part: float) -> None:
        self._part = part

    def uniform(self, a: float, b: float) -> float:
        """The part of the way from `a` to `b`."""
        return a + (b - a) * self._part

    def choice(self, seq: Sequence[T]) -> T:
        """Nothing in the engine chooses evenly."""
        raise AssertionError


def test_a_reaction_is_put_under_the_message_that_began_the_run(engine: Make, said: Say) -> None:
    """An account would react to the wrong message, or after the guest has written another."""
    made = engine(_go("[{react: 👍}, {wait: 5s}, {react: ❤️}]"))
    assert made.on_message(said("/go", message_id=7), 0.0) == [React("@hall_one", 7, "👍")]
    made.on_message(said("something else", message_id=8), 1.0)
    assert made.on_time(5.0) == [React("@hall_one", 7, "❤")]


def test_a_newcomer_is_reacted_to(engine: Make) -> None:
    """A scene begun by somebody who joins would fault."""
    made = engine("scenes: {a: {triggers: [{joined: true}], steps: [{react: 🎉}]}}")
    assert made.on_joined(Newcomer("@hall_one", "Mei", 5, 77), 0.0) == [React("@hall_one", 77, "🎉")]


@pytest.mark.parametrize("written", ["", "x", "👍👍", ":+1:", "👍 ", None, 5])
def test_only_emoji_that_telegram_has_are_reactions(written: object) -> None:
    """Telegram would refuse the reaction in front of guests."""
    assert len(set(REACTIONS)) == len(REACTIONS) == 73
    with pytest.raises(ValueError, match="expected one of the emoji"):
        canonical_reaction(written)


@pytest.mark.parametrize(
    ("part", "taken"), [(0.0, "a"), (0.24, "a"), (0.26, "b"), (0.74, "b"), (0.76, "c"), (1.0, "c")]
)
def test_weights_share_the_dice(parsed: Parsed, said: Say, part: float, taken: str) -> None:
    """A rare answer would be a common one; or the very end of the range would find no alternative."""
    script = parsed(_go("[{choose: [{reply: a}, {reply: b, weight: 2}, {send: c}]}]"))
    assert _texts(Engine(script, Loaded(part)).on_message(said("/go"), 0.0)) == [taken]


def test_every_alternative_is_taken_by_real_dice(parsed: Parsed, said: Say) -> None:
    """An answer that an author wrote would never be given."""
    script = parsed(_go("[{choose: [{reply: a}, {reply: b, weight: 3}, stop]}, {reply: after}]"))
    made = Engine(script, SeededRandomness(1))
    counts = Counter(" ".join(_texts(made.on_message(said("/go"), 0.0))) for _ in range(400))
    assert counts.keys() == {"a after", "b after", ""}
    assert counts["b after"] > counts["a after"] > 40


def test_only_alternatives_that_apply_are_chosen_from(engine: Make, said: Say) -> None:
    """An answer for returning guests would be given to new ones."""
    made = engine(
        _go(
            "[{choose: [{reply: new, when: '{{ n == 0 }}'}, {reply: again, when: '{{ n == 1 }}'}, "
            "{set: {n: 9}, when: '{{ false }}'}]}, {set: {n: '{{ n + 1 }}'}}]",
            "variables: {n: 0}",
        )
    )
    assert [_texts(made.on_message(said("/go"), 0.0)) for _ in range(3)] == [["new"], ["again"], []]


def test_a_choice_can_wait_go_on_and_end(engine: Make, said: Say) -> None:
    """An alternative would not do what the step of its name does."""
    waiting = engine(_go("[{choose: [{wait: 5s}, {wait: 5s}]}, {reply: after}]"))
    assert waiting.on_message(said("/go"), 0.0) == []
    assert _texts(waiting.on_time(5.0)) == ["after"]
    going = engine(_go("[{choose: [{goto: b}, {goto: b}]}]").removesuffix("}") + ", b: {steps: [{reply: b}]}}")
    assert _texts(going.on_message(said("/go"), 0.0)) == ["b"]
    assert engine(_go("[{choose: [stop, {stop: true}]}]")).on_message(said("/go"), 0.0) == []


def test_a_step_is_left_out_when_its_when_does_not_hold(engine: Make, said: Say) -> None:
    """A branch would be taken that the author shut."""
    made = engine(
        _go(
            "[{reply: none, when: '{{ not match.args }}'}, {stop: true, when: '{{ not match.args }}'}, "
            "{wait: 5s, when: \"{{ match.args == 'later' }}\"}, {set: {n: 1}, when: \"{{ match.args == 'set' }}\"}, "
            "{react: 👍, when: '{{ n }}'}, {choose: [{send: a}, {send: a}], when: '{{ n }}'}, {reply: '{{ n }}'}]",
            "variables: {n: 0}",
        )
    )
    assert _texts(made.on_message(said("/go"), 0.0)) == ["none"]
    assert _texts(made.on_message(said("/go now"), 0.0)) == ["0"]
    assert made.on_message(said("/go later", sender_id=2), 0.0) == []
    assert _texts(made.on_time(5.0)) == ["0"]
    assert made.on_message(said("/go set"), 9.0)[1:] == [
        SendText("@hall_one", "a", None),
        SendText("@hall_one", "1", 100),
    ]


def test_a_when_that_fails_ends_the_conversation_aloud(engine: Make, said: Say) -> None:
    """A mistake in a when would be taken for a no."""
    made = engine(_go("[{reply: a}, {reply: b, when: '{{ 1 / n }}'}]", "variables: {n: 0}"))
    effects = made.on_message(said("/go"), 0.0)
    assert effects[1] == Fault("a", 1, "ZeroDivisionError: division by zero", "@hall_one")
    assert effects[1].place == "scenes.a.steps[1]"


COUNTED = "account_variables: {all: 0}\nvariables: {mine: 0}"


def test_account_variables_are_shared_and_the_others_are_not(engine: Make, said: Say) -> None:
    """A counter for everybody would count for each guest, or one guest's for all."""
    made = engine(
        _go("[{set: {all: '{{ all + 1 }}', mine: '{{ mine + 1 }}'}}, {reply: '{{ all }} {{ mine }}'}]", COUNTED)
    )
    answers = [_texts(made.on_message(said("/go", sender_id=sender), 0.0)) for sender in (1, 2, 1)]
    assert answers == [["1 1"], ["2 1"], ["3 2"]]


def test_account_variables_survive_a_restart_and_a_reload(parsed: Parsed, said: Say) -> None:
    """A shop would forget that it is closed."""
    script, rows = parsed(_go("[{set: {all: '{{ all + 1 }}'}}, {reply: '{{ all }}'}]", COUNTED)), Rows()
    made = Engine(script, random.Random(1))
    made.on_message(said("/go"), 0.0)
    changes = made.take_changes()
    assert changes.account is not None
    assert changes.account.variables == {"all": 1}
    rows.write(changes)
    restored = Engine(script, random.Random(1), rows.state())
    assert not restored.take_changes()
    assert _texts(restored.on_message(said("/go"), 0.0)) == ["2"]
    assert _texts(restored.reloaded(script).on_message(said("/go"), 0.0)) == ["3"]
    without = restored.reloaded(parsed(_go("[{reply: x}]")))
    account = without.take_changes().account
    assert account is not None
    assert account.variables == {}


def test_a_fault_keeps_what_was_set_for_the_account(engine: Make, said: Say) -> None:
    """One bad message would take back what others have been told."""
    made = engine(_go("[{set: {all: '{{ all + 1 }}'}}, {reply: '{{ 1 / (all - 1) }}'}]", COUNTED))
    assert isinstance(made.on_message(said("/go"), 0.0)[0], Fault)
    assert _texts(made.on_message(said("/go"), 0.0)) == ["1.0"]


def test_a_hundred_heavy_steps_do_not_hold_the_node(engine: Make, said: Say) -> None:
    """One message would keep all accounts of the node waiting for minutes."""
    heavy = "{% for i in range(100) %}{% if text | title | length == -1 %}{% endif %}{% endfor %}"
    steps = ", ".join(f'{{send: "{index} {heavy}"}}' for index in range(9)) + ", {wait: 1m}, "
    made = engine(_go("[" + steps * 9 + "stop]"))
    effects = made.on_message(said("/go " + "a b " * 1000), 0.0)
    assert isinstance(effects[-1], Fault)
    assert "too much work" in effects[-1].message
