"""The script language: what an operator writes, checked, rehearsed and played.

`parse_script` is the one way from text to a `Script`; the CLI, the deployer and the agent all use it.
`Engine` plays a script for one account, `run_tests` plays its own tests, `script_hash` names a version.
Everything here is pure: no clock, no network, no files but the time zones of a package. The reference is
docs/scripts.md.
"""

from shared.scripts.chats import chat_address, may_speak_in, peer_of
from shared.scripts.conversation import AccountMemory, Conversation, ConversationKey, EngineChanges, EngineState
from shared.scripts.durations import format_duration, parse_duration
from shared.scripts.effects import Effect, Fault, Incoming, Newcomer, Randomness, React, SendText
from shared.scripts.engine import Engine
from shared.scripts.errors import ScriptProblem, ScriptProblems
from shared.scripts.explaining import Explanation, Judgement
from shared.scripts.hashing import script_hash
from shared.scripts.matching import Happening, Matched, NotMatched, first_match
from shared.scripts.model import Limits, Scene, Script
from shared.scripts.overlap import Overlap, overlaps
from shared.scripts.own_tests import TestOutcome, run_tests
from shared.scripts.parse import parse_script
from shared.scripts.rehearsal import Rehearsal

__all__ = [
    "AccountMemory",
    "Conversation",
    "ConversationKey",
    "Effect",
    "Engine",
    "EngineChanges",
    "EngineState",
    "Explanation",
    "Fault",
    "Happening",
    "Incoming",
    "Judgement",
    "Limits",
    "Matched",
    "Newcomer",
    "NotMatched",
    "Overlap",
    "Randomness",
    "React",
    "Rehearsal",
    "Scene",
    "Script",
    "ScriptProblem",
    "ScriptProblems",
    "SendText",
    "TestOutcome",
    "chat_address",
    "first_match",
    "format_duration",
    "may_speak_in",
    "overlaps",
    "parse_duration",
    "parse_script",
    "peer_of",
    "run_tests",
    "script_hash",
]
