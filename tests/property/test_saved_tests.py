"""Any dialogue that is made into a test passes as one."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.cli.chat.saving import NotSaved
from services.cli.chat.trial import Joined, Said, Trial
from shared.scripts import run_tests
from tests.unit.cli.chat.test_saving import keep, pasted
from tests.unit.cli.chat.test_trial import NOON, TEXT, script

DEEDS = st.lists(
    st.one_of(
        st.builds(
            Said,
            st.one_of(st.sampled_from(["/hello", "what", " - x: [", "yes", "'", "#", "a\nb"]), st.text(max_size=8)),
            st.sampled_from(["guest", "Mei", "no: one", "5"]),
            st.sampled_from(["@hall_one", "@hall_two", "private"]),
            st.booleans(),
            st.booleans(),
        ),
        st.builds(Joined, st.sampled_from(["Ana", "true"]), st.sampled_from(["@hall_one", "@hall_two"])),
        st.sampled_from([0.5, 3.0, 3600.0, None]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(DEEDS)
def test_whatever_is_saved_passes_under_the_script(deeds: list[Said | Joined | float | None]) -> None:
    """A saved test that fails, or breaks the file, teaches operators not to save any."""
    trial = Trial(script(), NOON)
    for deed in deeds:
        match deed:
            case Said():
                trial.say(deed)
            case Joined():
                trial.join(deed)
            case None:
                trial.go_on()
            case seconds:
                trial.wait(seconds)
    if not trial.deeds:
        return
    outcome = keep(trial)
    if isinstance(outcome, NotSaved):
        assert any(word in outcome.why for word in ("ZeroDivision", "character")), outcome.why
        return
    assert [test.difference for test in run_tests(pasted(TEXT, outcome)) if not test.passed] == []
