"""The sentences of the three services that an operator may read as a reason, taken from their sources.

A reason is given in one of `ROOMS` (a file, or a function of it), where every sentence counts, or to one of `SPEAKERS`,
or under the name of `reason` or `problem`: a sentence that is new there is found by itself. A value in it stands as
⟦1⟧; what a sentence is put together from is put together here, too, in each way that there is.
"""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from services.console.clients.api import ASK_NEXT

SERVICES = Path(__file__).parents[2] / "services"
ROOMS = (
    "node_agent/domain/deliveries.py",
    "node_agent/domain/reasons.py",
    "node_agent/domain/telegram.py",
    "node_agent/store/download.py",
    "node_agent/telegram/client.py",
    "node_agent/telegram/sessions.py",
    "node_agent/telegram/sign_in.py",
    "node_agent/telegram/telethon_client.py",
    "node_agent/telegram/troubles.py",
    "node_agent/use_cases/apply_delivery.py",
    "node_agent/use_cases/sealing_logins.py",
    "node_agent/use_cases/sign_ins.py",
    "registry/api/workers.py#read_worker",
    "registry/domain/assignments.py",
    "registry/domain/judgement.py",
    "registry/domain/places.py",
    "registry/use_cases/empty_draining.py",
    "registry/use_cases/keep_policies.py",
    "registry/use_cases/order_assignment.py",
    "registry/use_cases/settle_silent.py",
    "registry/use_cases/show_stranded.py",
    "deployer/api/dead_letters.py#_found",
    "deployer/api/deploy_body.py#refusal",
    "deployer/api/deployments.py#no_such_deployment",
    "deployer/api/drift.py#_answer",
    "deployer/api/scripts.py#no_such_script",
    "deployer/api/scripts.py#no_such_version",
    "deployer/api/server_body.py#no_such_server",
    "deployer/api/server_body.py#not_reached",
    "deployer/api/keys.py#rotate_keys",
    "deployer/api/session_logins.py#_no_such_login",
    "deployer/api/session_logins.py#_of_node",
    "deployer/api/session_syncs.py#_not_asked",
    "deployer/api/session_syncs.py#sync_session",
    "deployer/api/servers.py#add_server",
    "deployer/api/servers.py#confirm_server",
    "deployer/api/servers.py#install_agent",
    "deployer/api/sessions.py#no_such_session",
    "deployer/api/sessions.py#remove_session",
    "deployer/api/sessions.py#_reason",
    "deployer/api/sessions.py#_refusal",
    "deployer/api/steering.py#changed_since",
    "deployer/dead_letters.py",
    "deployer/domain/advancing.py",
    "deployer/domain/deliveries.py",
    "deployer/domain/desired.py",
    "deployer/domain/drift.py",
    "deployer/domain/installations.py",
    "deployer/domain/selector.py",
    "deployer/domain/session_strings.py",
    "deployer/domain/signing_keys.py#rotated",
    "deployer/domain/syncs.py",
    "deployer/domain/telegram_logins.py",
    "deployer/formats/archives.py",
    "deployer/formats/reading.py",
    "deployer/formats/sqlite_files.py",
    "deployer/formats/tdata.py",
    "deployer/ssh/files.py",
    "deployer/ssh/installing.py",
    "deployer/ssh/keeper.py",
    "deployer/ssh/sessions.py",
    "deployer/ssh/troubles.py",
    "deployer/use_cases/begin_deployment.py",
    "deployer/use_cases/install_agent.py",
    "deployer/use_cases/note_answers.py",
    "deployer/use_cases/record_syncs.py",
    "deployer/use_cases/settle_drift.py",
    "deployer/use_cases/steer_deployment.py",
    "console/clients/api.py",
    "../shared/packing.py",
    "../shared/sealing.py",
)
SPEAKERS = {
    *("Unreachable", "Unanswered", "ServerTrouble", "FloodWait", "ChatWait", "ChatForbidden", "Limited", "DeadLogin"),
    *("SuspectLogin", "UnusableSession", "UnusableLogin", "DownloadFailed", "StorageFailed", "Failed", "Overtaken"),
    *("Unassignable", "NoPlace", "Unplaceable", "Pause", "Abort", "Expire", "Canceled", "Drifted", "Newer"),
    *("BadSession", "RefusedSession", "ServerProblem", "NotDone"),
}
NAMES = {"reason", "problem"}
# What these take is for programs, for logs, or for whoever made the mistake.
_ELSEWHERE = {"ValueError", "Unavailable", "debug", "info", "warning", "error", "print", "create_task", "Path"}
# Who joins reads it on the machine itself.
_NOT_SHOWN = ("node_agent/joining.py", "in_memory")
# Telegram's name of an error of these is shown, not what it means; the others are no reasons.
_NOT_SAID = {
    "the account asks too often",
    "the account asks too often for one without Premium",
    "too many connections from this machine",
    "the chat is in slow mode",
    "give exactly one of content and url",
    "hearing of ⟦⟧",
    "the ⟦⟧ does not answer",
    "⟦⟧.yaml cannot be written: No space left on device",
    "⟦⟧.yaml cannot be deleted: Read-only file system",
    "Not connected",
    "this node sends more than anybody may",
}
_SPOKEN = re.compile(rf"\b(?:(?:{'|'.join(SPEAKERS)})\(|(?:{'|'.join(NAMES)})\s*=)")
_PROGRAM = re.compile(r"(select |insert |pragma |from |\[Unit\]|.*caused by)")
_WORDS = re.compile(r"(?!for )\b[a-z]{3,}[,:]? \S|\S [a-z]{4,}")

Node = ast.AST
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sentences() -> Iterator[tuple[str, str]]:
    """Each sentence, with the file and line where it is."""
    rooms: dict[str, set[str]] = {}
    for room in ROOMS:
        name, _, function = room.partition("#")
        rooms.setdefault(name, set()).add(function)
    paths = [path for service in ("node_agent", "registry", "deployer") for path in SERVICES.glob(f"{service}/**/*.py")]
    names = {path.relative_to(SERVICES).as_posix() for path in paths} | set(rooms)
    for name in sorted(names):
        if not any(part in name for part in _NOT_SHOWN):
            for line, text in _of(SERVICES / name, rooms.get(name, set())):
                yield text, f"{name}:{line}"


def _of(path: Path, rooms: set[str]) -> Iterator[tuple[int, str]]:
    text = path.read_text("utf-8")
    if not rooms and not _SPOKEN.search(text):
        return
    source = _Source(ast.parse(text))
    found = [node for node in source.texts() if "" in rooms or source.is_in(node, rooms) or source.is_said(node)]
    told = [(node, source.ways(node)) for node in found]
    for node, ways in told:
        if id(node) not in source.parts:
            for way in (ASK_NEXT.sub("", each).strip("; ") for each in ways):
                said = re.sub(r"\d+(?=⟧)", "", way)
                if _WORDS.search(way) and not _PROGRAM.match(way) and said not in _NOT_SAID:
                    yield node.lineno, way


class _Source:
    """The texts of one file; `parts` are those that went into another."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self._values = 0
        self.parts: set[int] = set()

    def texts(self) -> Iterator[ast.expr]:
        """Every text that is one by itself; neither docstrings nor what is said elsewhere."""
        for node in ast.walk(self._tree):
            text = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
            if not text or isinstance(self._parents[node], ast.JoinedStr | ast.FormattedValue | ast.Expr):
                continue
            if not any(_called(each) in _ELSEWHERE or _is_route(each) for each in self._above(node)):
                assert isinstance(node, ast.expr)
                yield node

    def is_in(self, node: Node, functions: set[str]) -> bool:
        """Whether it is in one of these functions."""
        return any(isinstance(each, Function) and each.name in functions for each in self._above(node))

    def is_said(self, node: Node) -> bool:
        """Whether it goes to a speaker, or by a name that tells what it is."""
        for each in self._above(node):
            if isinstance(each, ast.Call):
                return _called(each) in SPEAKERS
            if isinstance(each, ast.keyword):
                call = self._parents[each]
                return each.arg in NAMES and _called(call) not in _ELSEWHERE
            if isinstance(each, ast.Assign):
                return any(isinstance(target, ast.Name) and target.id in NAMES for target in each.targets)
        return False

    def ways(self, node: Node | None) -> list[str]:
        """What it may come to."""
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=values):
                return ["".join(parts) for parts in product(*map(self.ways, values))]
            case ast.FormattedValue(value=value, conversion=conversion):
                quote = "'" if conversion == ord("r") else ""
                return [f"{quote}{way}{quote}" for way in self.ways(value)]
            case ast.IfExp(body=one, orelse=other):
                return self._part(one) + self._part(other)
            case ast.BoolOp(values=values):
                return [way for value in values for way in self._part(value)]
            case ast.Name(id=name) if assigned := self._assigned(name, node):
                return [way for value in assigned for way in self._part(value)]
            case ast.Subscript(value=ast.Name(id=name)):
                tables = [value for value in self._assigned(name, node, ast.Dict) if isinstance(value, ast.Dict)]
                return [way for table in tables for value in table.values for way in self._part(value)] or self._value()
            case _:
                return self._value()

    def _part(self, node: Node) -> list[str]:
        self.parts.add(id(node))
        return self.ways(node)

    def _value(self) -> list[str]:
        self._values += 1
        return [f"⟦{self._values}⟧"]

    def _assigned(self, name: str, node: ast.expr, *kinds: type[Node]) -> list[Node]:
        """The text that a name has there: given last in the function around, else in the file."""
        kinds = kinds or (ast.JoinedStr, ast.IfExp, ast.BoolOp)
        for place in (each for each in self._above(node) if isinstance(each, Function | ast.Module)):
            given = [
                each.value
                for each in ast.walk(place)
                if isinstance(each, ast.Assign) and (each.lineno < node.lineno or isinstance(place, ast.Module))
                if any(isinstance(to, ast.Name) and to.id == name for to in each.targets)
            ]
            for value in sorted(given, key=lambda each: each.lineno)[-1:]:
                text = isinstance(value, ast.Constant) and isinstance(value.value, str)
                return [value] if text or isinstance(value, kinds) else []
        return []

    def _above(self, node: Node) -> Iterator[Node]:
        while node in self._parents:
            node = self._parents[node]
            yield node


def _is_route(node: Node) -> bool:
    """Whether it says what an operation of the API is."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="router"))):
            return True
    return False


def _called(node: Node) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return str(getattr(node.func, "id", None) or getattr(node.func, "attr", ""))
