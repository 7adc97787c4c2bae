"""From the text of a script to plain data that remembers where each piece stood.

YAML 1.2 core schema, safe by construction: the document is built here from the parser's events, so no
tag ever makes an object. Duplicate keys, tags, merge keys and non-finite numbers are refused. Anchors are
allowed; aliases are counted as if they were written out, which is what bounds an alias bomb. Every
refusal is a `ScriptProblem` with its line and column; nothing raises.
"""

from dataclasses import dataclass, field
from typing import Any, assert_never

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from shared.scripts.errors import Path, ScriptProblem, nearest, shortened
from shared.scripts.scalars import Scalar, ScalarRefused, plain_scalar

MAX_BYTES = 256 * 1024
# Several times the largest script we could imagine writing by hand, and under half a second of one core
# to read. Aliases count as often as they are used.
MAX_NODES = 10_000
MAX_DEPTH = 20

Position = tuple[int, int]


@dataclass(slots=True)
class Node:
    """One piece of the document. Aliased pieces are shared, so a node has no parent."""

    position: Position
    value: Scalar = None
    items: list["Node"] | None = None
    fields: dict[str, "Node"] | None = None
    keys: dict[str, Position] = field(default_factory=dict)
    size: int = 1
    depth: int = 1

    def child(self, part: str | int) -> "Node | None":
        """The piece under a key or an index; None where there is none."""
        if self.fields is not None and isinstance(part, str):
            return self.fields.get(part)
        if self.items is not None and isinstance(part, int) and 0 <= part < len(self.items):
            return self.items[part]
        return None

    def plain(self) -> Any:
        """The same as dicts, lists and scalars. The depth is bounded, so recursion is safe."""
        if self.fields is not None:
            return {key: node.plain() for key, node in self.fields.items()}
        if self.items is not None:
            return [node.plain() for node in self.items]
        return self.value


@dataclass(frozen=True, slots=True)
class Document:
    """A whole script as plain data, with the place of each piece."""

    root: Node

    def locate(self, path: Path, *, at_key: bool = False) -> Position:
        """The place of the piece at `path`, or of its nearest ancestor that was written down."""
        node, position = self.root, self.root.position
        for index, part in enumerate(path):
            last = index == len(path) - 1
            if at_key and last and isinstance(part, str) and part in node.keys:
                return node.keys[part]
            child = node.child(part)
            if child is None:
                break
            node, position = child, child.position
        return position

    def value_at(self, path: Path) -> Any:
        """The plain data at `path`; None where nothing was written."""
        node: Node | None = self.root
        for part in path:
            node = node.child(part) if node is not None else None
        return node.plain() if node is not None else None


class _Refused(Exception):
    def __init__(self, position: Position, message: str, hint: str = "") -> None:
        super().__init__(message)
        line, column = position
        self.problem = ScriptProblem(line, column, "", message, hint)


def read_document(text: str) -> Document | ScriptProblem:
    """The document in `text`, or the first thing that keeps it from being one."""
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError as error:
        return ScriptProblem(1, 1, "", f"character {error.start} is not Unicode text", "save it as UTF-8")
    if size > MAX_BYTES:
        return ScriptProblem(1, 1, "", f"{size} bytes are more than the {MAX_BYTES} a script may have")
    try:
        return Document(_compose(text))
    except _Refused as refused:
        return refused.problem
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        problem = (error.problem or error.context or "this is not YAML").strip()
        return ScriptProblem(position[0], position[1], "", problem, _yaml_hint(problem))
    except YAMLError as error:
        return ScriptProblem(1, 1, "", str(error).strip().splitlines()[0])
    except Exception as error:
        # The YAML scanner lets plain Python errors through for some malformed escapes; the text is the
        # author's, so they are the author's to mend, not a reason for a service to fall.
        return ScriptProblem(1, 1, "", f"this is not YAML: {error}", "look at escapes in double quotes")


def _yaml_hint(problem: str) -> str:
    if "'@'" in problem:
        return 'a name that starts with @ must be in quotes: "@name"'
    if "mapping values are not allowed" in problem:
        return "a text that contains a colon must be in quotes"
    if "'\\t'" in problem:
        return "indent with spaces"
    return ""


def _compose(text: str) -> Node:
    builder = _Builder()
    for event in YAML(typ="safe", pure=True).parse(text):
        builder.feed(event)
    if builder.root is None:
        raise _Refused((1, 1), "the document is empty", "a script starts with: id: my-script")
    return builder.root


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been seen yet."""

    node: Node
    anchor: str | None
    key: tuple[str, Position] | None = None


class _Builder:
    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def feed(self, event: Any) -> None:
        position = (event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case DocumentStartEvent():
                self._start_document(event, position)
            case SequenceStartEvent():
                self._begin(event, Node(position, items=[]))
            case MappingStartEvent():
                self._begin(event, Node(position, fields={}))
            case SequenceEndEvent() | MappingEndEvent():
                self._end()
            case ScalarEvent():
                self._scalar(event, position)
            case AliasEvent():
                target = self._aliased(event.anchor, position)
                self._place(target, position, added=target.size)

    def _start_document(self, event: Any, position: Position) -> None:
        if self.root is not None:
            raise _Refused(position, "a second document", "one script in one file: remove the --- line")
        if event.version not in (None, (1, 2)):
            raise _Refused(position, "scripts are YAML 1.2", "remove the %YAML line")

    def _begin(self, event: Any, node: Node) -> None:
        self._refuse_tag(event, node.position)
        if len(self._open) >= MAX_DEPTH:
            raise _Refused(node.position, f"nested more than {MAX_DEPTH} deep")
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.node.fields is not None and parent.key is None:
            raise _Refused(node.position, "a list or mapping as a key", _BRACES_HINT)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append(_Open(node, event.anchor))

    def _end(self) -> None:
        closed = self._open.pop()
        children = closed.node.items if closed.node.items is not None else (closed.node.fields or {}).values()
        closed.node.size += sum(child.size for child in children)
        closed.node.depth += max((child.depth for child in children), default=0)
        if closed.anchor is not None:
            self._anchors[closed.anchor] = closed.node
        self._place(closed.node, closed.node.position)

    def _scalar(self, event: Any, position: Position) -> None:
        if self._awaits_key():
            self._take_key(event.value, position)
            return
        self._refuse_tag(event, position)
        quoted = event.style is not None or event.tag is not None
        value = plain_scalar(event.value, quoted=quoted)
        match value:
            case ScalarRefused(message, hint):
                raise _Refused(position, message, hint)
            case str() | bool() | int() | float() | None:
                node = Node(position, value=value)
            case _:
                assert_never(value)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._place(node, position)

    def _awaits_key(self) -> bool:
        return bool(self._open) and self._open[-1].node.fields is not None and self._open[-1].key is None

    def _take_key(self, key: str, position: Position) -> None:
        parent = self._open[-1].node
        if key == "<<":
            raise _Refused(position, "merge keys are not YAML 1.2", "write the fields out, or use an alias")
        if key in parent.keys:
            line = parent.keys[key][0]
            raise _Refused(position, f"{shortened(key)} is written twice", f"the first is in line {line}")
        plain = plain_scalar(key, quoted=True)
        if isinstance(plain, ScalarRefused):
            raise _Refused(position, plain.message, plain.hint)
        parent.keys[key] = position
        self._open[-1].key = (key, position)

    def _place(self, node: Node, position: Position, added: int = 1) -> None:
        """Put a finished node into what is open, and keep the written-out size in bounds."""
        if node.depth + len(self._open) > MAX_DEPTH:
            raise _Refused(position, f"nested more than {MAX_DEPTH} deep")
        # A list that closes has counted its children already; an alias brings all of them again.
        self._nodes += added
        if self._nodes > MAX_NODES:
            raise _Refused(position, f"more than {MAX_NODES} values", "aliases count as often as used")
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if parent.node.items is not None:
            parent.node.items.append(node)
        elif parent.node.fields is not None and parent.key is not None:
            parent.node.fields[parent.key[0]] = node
            parent.key = None

    def _aliased(self, name: str, position: Position) -> Node:
        if self._awaits_key():
            raise _Refused(position, "an alias as a key", "write the key out")
        if name not in self._anchors:
            known = nearest(name, self._anchors)
            raise _Refused(position, f"no anchor &{name} before this alias", known)
        target = self._anchors[name]
        if target is None:
            raise _Refused(position, f"the alias *{name} stands inside its own anchor")
        return target

    def _refuse_tag(self, event: Any, position: Position) -> None:
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            raise _Refused(position, f"tags such as {shortened(event.tag)} are not accepted", "remove it")


_BRACES_HINT = 'a text that begins with {{ must be in quotes: "{{ … }}"'
