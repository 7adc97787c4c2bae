"""In which order the suite runs and what stays together, when `make test` runs it on several sides at once.

A side takes the next unit when it has finished one, so the long ones come first: one that came last would run alone
while the others have nothing to do. A unit is a file; files that share a server which takes long to start are one
unit, and of a file whose tests are long and share nothing each test is one.

Most of what is long waits for real servers, and every deadline in it is real. With `--filling` the last side gives way
to the others and runs only what has no real time in it: with the processor time that they leave, and with little of
theirs. The others take of that, too, when nothing else is left.
"""

# Units of several files: what they share is started once for a session, so once on each side that needs it.
TOGETHER = {
    # The first one wants a fleet in which nobody has been before.
    "fleet": ("tests/fault/test_endurance.py", "tests/fault/test_bad_version.py", "tests/fault/test_broker.py",
              "tests/fault/test_database.py", "tests/fault/test_drift.py", "tests/fault/test_kills.py",
              "tests/fault/test_moves.py"),
    "demo": ("tests/system/test_bad_input.py", "tests/system/test_path.py", "tests/system/test_readme.py",
             "tests/system/test_rollouts.py", "tests/system/test_up.py"),
}  # fmt: skip
# Whole folders that are one unit.
FOLDERS = {"tests/browser/": "browser"}
APART = ("tests/simulation/test_scripts.py", "tests/simulation/test_drift.py", "tests/simulation/test_schedules.py")
# By how long they take, the longest first, but what can fill gaps after what cannot; what is not named comes last.
LONG = (
    "fleet",
    "tests/integration/deployer/test_installing.py",
    "demo",
    "browser",
    "tests/fault/",
    "tests/system/",
    "tests/integration/api/",
    "tests/integration/cli/embedded/",
    "tests/integration/node_agent/",
    "tests/integration/",
    "tests/simulation/",
    "tests/model/",
    "tests/component/",
)

# What runs in virtual time alone: it may stand still for as long as others need the processor.
FILLING = ("tests/simulation/", "tests/model/", "tests/component/")

_UNIT_OF = {file: unit for unit, files in TOGETHER.items() for file in files}
_TURN_OF = {file: turn for files in TOGETHER.values() for turn, file in enumerate(files)}


def unit_of(test: str) -> str:
    """The unit of a test, by its id."""
    file = test.partition("::")[0]
    folder = next((unit for begin, unit in FOLDERS.items() if file.startswith(begin)), file)
    return test if file in APART else _UNIT_OF.get(file, folder)


def rank(unit: str) -> int:
    """The place of a unit in the order."""
    return next((place for place, begin in enumerate(LONG) if unit.startswith(begin)), len(LONG))


def turn(test: str) -> int:
    """The place of a test's file within its unit; files that are not named keep the order in which they are found."""
    return _TURN_OF.get(test.partition("::")[0], 0)


def fills(unit: str) -> bool:
    """Whether a unit runs in virtual time alone."""
    return unit.startswith(FILLING)
