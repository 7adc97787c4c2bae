"""Store a script version: only one that parses and whose own tests pass.

Called by the API. The same bytes again are the version that is there. Checking is pure computing that may take
seconds for a large script with many tests, so it happens in a thread, a few at a time. Raises Unavailable.
"""

import asyncio
from dataclasses import dataclass

from services.deployer.domain.ports import Store
from services.deployer.domain.scripts import NewScript, StoredScript
from shared.clock import Clock
from shared.contracts.identifiers import content_hash
from shared.scripts import Script, ScriptProblems, TestOutcome, parse_script, run_tests
from shared.scripts.places import place_of_test

# Two cores' worth; a queue of pushes waits here and not in the thread pool.
CHECKS_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class TestsFailed:
    """The script is well formed, but its own tests do not pass: where in its text, and how they ended.

    A place is line, column and path: `20:9 tests[0].dialogue[1]`.
    """

    __test__ = False  # its name would make pytest collect it

    outcomes: tuple[tuple[str, TestOutcome], ...]


class StoreScript:
    """See the module's docstring."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def __call__(self, source: str) -> StoredScript | ScriptProblems | TestsFailed:
        """Check the text and store it."""
        async with self._checks:
            checked = await asyncio.to_thread(_checked, source)
        if not isinstance(checked, Script):
            return checked
        script = NewScript(checked.id, content_hash(source.encode()), checked.title, source)
        async with self._store.begin() as transaction:
            return await transaction.scripts.add(script, self._clock.now())


def _checked(source: str) -> Script | ScriptProblems | TestsFailed:
    script = parse_script(source)
    if isinstance(script, ScriptProblems):
        return script
    ended = enumerate(run_tests(script))
    failed = tuple((_place(source, number, outcome), outcome) for number, outcome in ended if not outcome.passed)
    return TestsFailed(failed) if failed else script


def _place(source: str, number: int, outcome: TestOutcome) -> str:
    (line, column), path = place_of_test(source, number, outcome)
    return f"{line}:{column} {path}"
