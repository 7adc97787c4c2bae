"""Texts of a script: compiled once, checked for what they ask, rendered with a bounded output.

`compile_text` serves the check, the rehearsal and the node, so they agree about every text. A compiled
`Text` knows the names and match groups that it uses (`names`, `groups`). Rendering never raises: a text
that cannot be rendered gives `TextFailure` with words for the operator.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Template, Undefined, meta, nodes
from jinja2.environment import TemplateExpression
from jinja2.exceptions import TemplateError, TemplateSyntaxError

from shared.scripts.filters import MAX_WORK, metered, pay
from shared.scripts.sandbox import base_cost, environment, forbidden, paying, too_deep
from shared.scripts.scalars import VariableValue, unfit_for_variable

# Telegram's limit for one message. Counted in UTF-16 units, the stricter of the ways to count.
MAX_OUTPUT = 4096
MAX_SOURCE = 4096


class Groups:
    """What a trigger found in the message: `match.item`, `match[1]`. Unknown ones are undefined."""

    __slots__ = ("_found",)

    def __init__(self, found: Mapping[str, str]) -> None:
        self._found = found

    def __getitem__(self, name: str | int) -> str:
        return self._found[str(name)]

    def __str__(self) -> str:
        return self._found.get("0", "")


@dataclass(frozen=True, slots=True)
class TextRefused:
    """Why a text does not compile."""

    message: str


@dataclass(frozen=True, slots=True)
class TextFailure:
    """Why a text that compiles could not be rendered this time."""

    message: str


@dataclass(frozen=True, slots=True)
class Text:
    """A compiled text. `expression` is there when the whole text is one `{{ … }}`."""

    template: Template
    expression: TemplateExpression | None
    names: frozenset[str]
    groups: frozenset[str]
    cost: int

    def render(self, names: Mapping[str, Any]) -> str | TextFailure:
        """The text to send, without surrounding white space, at most `MAX_OUTPUT` characters."""
        pieces: list[str] = []
        size = 0
        try:
            with metered(MAX_WORK):
                pay(self.cost)
                for piece in self.template.generate(names):
                    size += len(piece.encode("utf-16-le", "surrogatepass")) // 2
                    if size > MAX_OUTPUT:
                        return TextFailure(f"the text is longer than {MAX_OUTPUT} characters")
                    pieces.append(piece)
        except Exception as error:
            # A text is the operator's program: whatever it raises is its failure, to be shown to them.
            return TextFailure(_words(error))
        return "".join(pieces).strip()

    def evaluate(self, names: Mapping[str, Any]) -> VariableValue | TextFailure:
        """The value for a variable: of its own type when the text is one `{{ … }}`, else text."""
        value = self.value(names)
        if isinstance(value, TextFailure):
            return value
        unfit = unfit_for_variable(value)
        return TextFailure(unfit) if unfit else value

    def value(self, names: Mapping[str, Any]) -> Any:
        """Whatever the one `{{ … }}` comes to, or the rendered text, or a TextFailure."""
        if self.expression is None:
            return self.render(names)
        try:
            with metered(MAX_WORK):
                pay(self.cost)
                value = self.expression(**names)
            if isinstance(value, Undefined):
                str(value)  # StrictUndefined raises here, with its own words
        except Exception as error:  # as in render
            return TextFailure(_words(error))
        return value


def holds(source: str, names: Mapping[str, Any]) -> bool | TextFailure:
    """Whether the expression in `source` holds: it does unless its value is false, 0 or empty."""
    text = compile_text(source)
    if isinstance(text, TextRefused):
        return TextFailure(text.message)
    value = text.value(names)
    return value if isinstance(value, TextFailure) else bool(value)


def _words(error: Exception) -> str:
    message = str(error).strip() or type(error).__name__
    return message if isinstance(error, TemplateError) else f"{type(error).__name__}: {message}"


@lru_cache(maxsize=2048)
def compile_text(source: str) -> Text | TextRefused:
    """The compiled text, or the first reason against it. Never raises."""
    if len(source) > MAX_SOURCE:
        return TextRefused(f"a text may have {MAX_SOURCE} characters, this one has {len(source)}")
    try:
        tangled = too_deep(source)
        if tangled:
            return TextRefused(tangled)
        tree = environment().parse(source)
        for reason in forbidden(tree):
            return TextRefused(reason)
        names = frozenset(meta.find_undeclared_variables(tree) - {"range"})
        groups, cost = _groups(tree), base_cost(tree)
        tree = paying(tree)
        return Text(environment().from_string(tree), _expression(source, tree), names, groups, cost)
    except TemplateSyntaxError as error:
        line = f"line {error.lineno} of the text: " if "\n" in source.strip() else ""
        return TextRefused(f"the text does not compile: {line}{error.message}")
    except (TemplateError, SyntaxError, ValueError) as error:
        return TextRefused(f"the text does not compile: {error}")


def _expression(source: str, tree: nodes.Template) -> TemplateExpression | None:
    """The one `{{ … }}` of a text that is nothing else."""
    match tree.body:
        case [nodes.Output(nodes=[nodes.Expr() as alone])] if source.strip().startswith("{{"):
            body = [nodes.Assign(nodes.Name("result", "store"), alone, lineno=1)]
            template = nodes.Template(body, lineno=1)
            template.set_environment(environment())
            return TemplateExpression(environment().from_string(template), undefined_to_none=False)
    return None


def _groups(tree: nodes.Template) -> frozenset[str]:
    """The match groups that must be there: not those that the text itself asks whether they are."""
    asked, guarded = set(), set()
    for node in tree.find_all(nodes.Expr):
        asked |= _group_in(node)
        if isinstance(node, nodes.Test | nodes.Filter) and node.name in ("defined", "undefined", "default"):
            guarded |= _group_in(node.node)
    return frozenset(asked - guarded)


def _group_in(node: nodes.Node | None) -> set[str]:
    if not isinstance(node, nodes.Getattr | nodes.Getitem) or node.node != nodes.Name("match", "load"):
        return set()
    if isinstance(node, nodes.Getattr):
        return {node.attr}
    return {str(node.arg.value)} if isinstance(node.arg, nodes.Const) else set()
