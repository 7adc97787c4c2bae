"""An explanation says what the engine does, for any script and any dialogue."""

import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.scripts import Rehearsal, Script, SendText, parse_script

BOUNDED = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _scene(name: str, timed: bool) -> st.SearchStrategy[dict[str, Any]]:
    """A scene that says its name first, so that its beginnings can be counted."""
    triggers: list[dict[str, Any]] = (
        [
            {"every": "30s"},
            {"every": {"interval": "1m", "chat": "@hall_one"}},
            {"at": "12:01"},
            {"at": {"time": "12:02", "days": ["mon", "wed"]}},
        ]
        if timed
        else [
            {"message": {"text": "hi"}},
            {"message": {"pattern": "h(i|o)"}},
            {"command": "/go"},
            {"mention": True},
            {"reply": {"contains": "h"}},
            {"joined": True},
            {"joined": {"chat": "@hall_one"}},
        ]
    )
    conditions = st.sampled_from(
        [
            {"expr": "{{ n < 2 }}"},
            {"expr": "{{ all % 2 == 0 }}"},
            {"expr": "{{ 1 / n }}"},
            {"hours": ["12:01", "12:03"]},
            {"days": ["mon"]},
            {"chat": "@hall_one"},
            {"cooldown": "45s"},
        ]
    )
    steps = st.sampled_from([{"wait": "20s"}, {"wait": ["5s", "2m"]}, {"set": {"n": "{{ n + 1 }}"}}])
    return st.builds(
        lambda triggers, conditions, mode, steps: {
            "triggers": triggers,
            "conditions": conditions,
            "mode": mode,
            "steps": [{"send": f"#{name}"}, {"set": {"all": "{{ all + 1 }}"}}, *steps],
        },
        st.lists(st.sampled_from(triggers), min_size=1, max_size=2),
        st.lists(conditions, max_size=2),
        st.sampled_from(["single", "restart", {"queued": {"max": 1}}, {"parallel": {"max": 2}}]),
        st.lists(steps, max_size=3),
    )


SCRIPTS = st.builds(
    lambda scenes: {
        "id": "made",
        "chats": ["@hall_one", "@hall_two", "private"],
        "limits": {"per_chat_per_minute": 20, "per_account_per_minute": 60},
        "variables": {"n": 0},
        "account_variables": {"all": 0},
        "scenes": scenes,
    },
    st.fixed_dictionaries({name: _scene(name, timed=name in "xy") for name in "abxcy"}),
)
DEEDS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["hi", "/go", "ho", "?"]),
            st.sampled_from(["Mei", "Ana"]),
            st.sampled_from(["@hall_one", "@hall_two", "private", "@elsewhere"]),
            st.booleans(),
            st.booleans(),
        ),
        st.sampled_from(["@hall_one", "@hall_two"]),
        st.none(),
    ),
    max_size=25,
)


class _Beginnings:
    """Counts what an engine begins: every scene says its name, or has one more place in a queue."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self._queues: dict[Any, Counter[str]] = {}

    def since(self) -> Counter[str]:
        """The scenes that were begun since the last call."""
        begun: Counter[str] = Counter()
        while self._rehearsal.unheard:
            effect = self._rehearsal.unheard.popleft()
            assert isinstance(effect, SendText)
            begun[effect.text.removeprefix("#")] += 1
        before = sum(self._queues.values(), Counter[str]())
        for key, conversation in self._rehearsal.engine.take_changes().conversations.items():
            self._queues[key] = Counter(each.scene for each in conversation.queue) if conversation else Counter()
        # A run that was queued says its name, too, but has left the queue.
        begun.update(sum(self._queues.values(), Counter[str]()))
        begun.subtract(before)
        return +begun


@BOUNDED
@given(SCRIPTS, DEEDS)
def test_what_the_explanation_says_begins_is_what_the_engine_begins(document: dict[str, Any], deeds: list[Any]) -> None:
    """An explanation of its own making would send every author the wrong way."""
    script = parse_script(json.dumps(document))
    if not isinstance(script, Script):
        return
    rehearsal = Rehearsal(script, "seed")
    beginnings = _Beginnings(rehearsal)
    beginnings.since()
    for deed in deeds:
        if deed is None:
            explanation = rehearsal.explain_next()
            assert not rehearsal.engine.take_changes(), "asking has changed something"
            rehearsal.advance(rehearsal.now + 7 * 86_400)  # an at is due within a week
        else:
            happening = (
                rehearsal.newcomer("Jo", deed)
                if isinstance(deed, str)
                else rehearsal.guest(deed[0], deed[1], deed[2], mentions=deed[3], replies=deed[4])
            )
            explanation = rehearsal.engine.explain(happening, rehearsal.moment)
            assert not rehearsal.engine.take_changes(), "asking has changed something"
            rehearsal.happens(happening)
            triggers = sum(len(scene.triggers) for scene in script.scenes.values())
            assert len(explanation.judgements) == (0 if explanation.unheard else triggers)
        said = Counter(judgement.scene for judgement in explanation.judgements if judgement.begins)
        assert beginnings.since() == said
