"""The script language: what an operator writes, checked, rehearsed and played.

`parse_script` is the one way from text to a `Script`; the CLI, the deployer and the agent all use it.
`Engine` plays a script for one account, `run_tests` plays its own tests, `script_hash` names a version.
Everything here is pure: no clock, no network, no files. The reference is docs/scripts.md.
"""

from shared.scripts.chats import chat_address, may_speak_in, peer_of
from shared.scripts.durations import format_duration, parse_duration
from shared.scripts.effects import Effect, Fault, Incoming, Randomness, SendText
from shared.scripts.engine import Engine, SnapshotRefused
from shared.scripts.errors import ScriptProblem, ScriptProblems
from shared.scripts.hashing import script_hash
from shared.scripts.matching import Matched, NotMatched, match_message
from shared.scripts.model import Limits, Scene, Script
from shared.scripts.parse import parse_script
from shared.scripts.rehearsal import Rehearsal, TestOutcome, run_tests

__all__ = [
    "Effect",
    "Engine",
    "Fault",
    "Incoming",
    "Limits",
    "Matched",
    "NotMatched",
    "Randomness",
    "Rehearsal",
    "Scene",
    "Script",
    "ScriptProblem",
    "ScriptProblems",
    "SendText",
    "SnapshotRefused",
    "TestOutcome",
    "chat_address",
    "format_duration",
    "match_message",
    "may_speak_in",
    "parse_duration",
    "parse_script",
    "peer_of",
    "run_tests",
    "script_hash",
]
