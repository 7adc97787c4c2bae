"""The part of Jinja that a script's text may use, and the environment that runs it.

Called by `templates` only. Jinja's sandbox keeps a text away from Python's insides; this module also
bounds its work, so that no text can hold a node: no statements but `if` and one `for` over a short
range or list, no calls but `range`, filters and arithmetic that pay for what they do (`filters`). What
is refused is refused by the shape of the text, never by the machine it runs on, so check and node agree.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.visitor import NodeTransformer

from shared.scripts.errors import nearest, shortened
from shared.scripts.filters import PIECE, arithmetic, filters, joined, paid, work

MAX_RANGE = 100
# Enough for any sentence; few enough that neither Jinja's nor Python's own parser runs out of stack.
MAX_PARTS = 80
MAX_BRACKETS = 8
MAX_BLOCKS = 5
# What Jinja makes of a text: constants, names, operators. A thousand take a tenth of a second to compile.
MAX_PIECES = 1000

LOOP_FIELDS = frozenset({"index", "index0", "first", "last", "length"})
_KEPT_TESTS = frozenset(["boolean", "defined", "even", "none", "number", "odd", "string", "undefined"])

# Names that Jinja itself fills in, and that would show its insides.
_JINJA_NAMES = frozenset({"self", "super", "caller", "varargs", "kwargs"})

_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For,
    nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub,
    nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos, nodes.Concat, nodes.Filter,
    nodes.Test, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.List, nodes.Tuple, nodes.Call,
)  # fmt: skip


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox, where arithmetic, items and slices are paid for."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        return arithmetic(
            operator, left, right, lambda: super(_Environment, self).call_binop(context, operator, left, right)
        )

    def getitem(self, obj: Any, argument: Any) -> Any:
        work(obj)
        return super().getitem(obj, argument)


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """The one environment of all texts; it holds no state of any script."""
    made = _Environment(undefined=StrictUndefined, autoescape=False, optimized=False, cache_size=0, auto_reload=False)
    made.globals = {"range": _short_range}
    made.filters = filters()
    made.tests = {name: TESTS[name] for name in _KEPT_TESTS} | {"in": _is_in}
    return made


class _Paying(NodeTransformer):
    """Puts what Jinja would do by itself, joining and comparing, into functions that pay for it."""

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - Jinja calls it by the node's name
        self.generic_visit(node)
        return _call(joined, node.nodes)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = _call(paid, [node.expr])
        for operand in node.ops:
            operand.expr = _call(paid, [operand.expr])
        return node


def _call(function: Callable[..., Any], values: list[nodes.Expr]) -> nodes.Call:
    name = nodes.ImportedName(f"{function.__module__}.{function.__name__}")
    return nodes.Call(name, values, [], None, None)


def paying(template: nodes.Template) -> nodes.Template:
    """The same text, after `forbidden` had nothing to say, with everything in it paid for."""
    made = _Paying().visit(template)
    assert isinstance(made, nodes.Template)
    made.set_environment(environment())
    return made


def base_cost(template: nodes.Template) -> int:
    """What a text costs before anything in it touches a value: its pieces, and those of loops as often as they go."""
    pieces = sum(1 for _ in template.find_all(nodes.Node))
    looped = sum(1 for loop in template.find_all(nodes.For) for _ in loop.find_all(nodes.Node))
    return PIECE * (pieces + MAX_RANGE * looped)


def _is_in(value: Any, values: Any) -> bool:
    work(value, values)
    return value in values


def _short_range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > MAX_RANGE:
        raise SecurityError(f"a range may have {MAX_RANGE} numbers, this one has {len(made)}")
    return made


def too_deep(source: str) -> str:
    """Why the text is too tangled to be parsed, in words; empty when it is not. May raise TemplateError."""
    parts = brackets = blocks = 0
    previous = ""
    for _, kind, value in environment().lex(source):
        if kind == "whitespace":
            continue
        parts = 0 if kind in ("variable_begin", "block_begin") else parts + 1
        if kind == "operator":
            brackets += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(value, 0)
        elif previous == "block_begin":
            blocks += {"if": 1, "for": 1, "endif": -1, "endfor": -1}.get(value, 0)
        previous = kind
        if parts > MAX_PARTS:
            return f"an expression may have {MAX_PARTS} parts: make it simpler"
        if brackets > MAX_BRACKETS or blocks > MAX_BLOCKS:
            return "brackets or blocks are nested too deep: make it simpler"
    return ""


def forbidden(template: nodes.Template) -> Iterator[str]:
    """Each thing in the text that scripts may not use, in words."""
    if sum(1 for _ in template.find_all(nodes.Node)) > MAX_PIECES:
        yield f"a text may have {MAX_PIECES} pieces of {{{{ }}}} and {{% %}}: make it simpler"
    for node in template.find_all(nodes.Node):
        if isinstance(node, nodes.Keyword | nodes.Pair) or not isinstance(node, _ALLOWED):
            yield f"{type(node).__name__.lower()} is not available in texts: only if, for and expressions are"
        elif isinstance(node, nodes.Call):
            yield from _forbidden_call(node)
        elif isinstance(node, nodes.For):
            yield from _forbidden_loop(node)
        elif isinstance(node, nodes.Getattr):
            yield from _forbidden_attribute(node)
        elif isinstance(node, nodes.Name):
            if node.name in _JINJA_NAMES:
                yield f"{node.name} is not available in texts"
        elif isinstance(node, nodes.Filter | nodes.Test):
            yield from _unknown_name(node)


def _forbidden_call(node: nodes.Call) -> Iterator[str]:
    if not (isinstance(node.node, nodes.Name) and node.node.name == "range"):
        yield "only range(…) can be called; for anything else there are filters, such as text | upper"
    elif node.kwargs or node.dyn_args or node.dyn_kwargs or not 1 <= len(node.args) <= 3:
        yield "range takes one to three numbers"


def _forbidden_loop(node: nodes.For) -> Iterator[str]:
    if node.recursive or any(True for _ in node.find_all(nodes.For)):
        yield "a for inside a for is not available"
    if not isinstance(node.iter, nodes.Call | nodes.List | nodes.Tuple):
        yield "a for goes over range(…) or a written list"
    if not isinstance(node.target, nodes.Name):
        yield "a for has one name for its value"


def _forbidden_attribute(node: nodes.Getattr) -> Iterator[str]:
    owner = node.node.name if isinstance(node.node, nodes.Name) else ""
    if owner == "loop":
        if node.attr not in LOOP_FIELDS:
            yield f"loop has no {shortened(node.attr)} here: {nearest(node.attr, LOOP_FIELDS)}"
    elif owner != "match":
        yield f".{node.attr} is not available: only match.name and loop.index are read with a dot"


def _unknown_name(node: nodes.Filter | nodes.Test) -> Iterator[str]:
    valid = environment().filters if isinstance(node, nodes.Filter) else environment().tests
    kind = type(node).__name__.lower()
    if node.name not in valid:
        yield f"there is no {kind} {shortened(node.name)}: {nearest(node.name, valid)}"
    if node.kwargs or node.dyn_args or node.dyn_kwargs:
        yield f"the {kind} {node.name} takes its values in order, without names"
