"""The options of every command that orders a rollout, and what they say together.

`with_policy` gives them to a command: a parameter `policy` of the function becomes the options, and the function gets
the `Policy` that they mean. An option wins over the same field of `--rollout FILE`.
"""

import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.rollout import wording
from services.cli.rollout.policy import Policy, read_file
from shared.contracts.drift import DriftPolicy

PARAMETER = "policy"


_Text = str | None

Groups = Annotated[
    _Text, typer.Option("--groups", metavar="SIZES", help="One after the other: nodes or shares, such as 1,10%,rest.")
]
Success = Annotated[
    _Text, typer.Option("--success", metavar="PERCENT", help="So many of a group verified, then the next; else 100.")
]
Rate = Annotated[
    _Text, typer.Option("--rate", metavar="RATE", help="Nodes a minute, such as 60 or '60 x2 after 50 up to 600'.")
]
Stop = Annotated[
    list[str] | None,
    typer.Option("--stop", metavar="RULE", help="When to stop, such as '20% of 10 then abort'; may be given again."),
]
Receive = Annotated[
    _Text, typer.Option("--receive", metavar="TIME", help="An online node has so long to receive it, such as 5m.")
]
Apply = Annotated[_Text, typer.Option("--apply", metavar="TIME", help="Then so long to apply it.")]
Verify = Annotated[_Text, typer.Option("--verify", metavar="TIME", help="Then so long to be verified.")]
Deadline = Annotated[
    _Text, typer.Option("--deadline", metavar="TIME", help="What is not verified so long after the start has failed.")
]
StartAt = Annotated[
    _Text, typer.Option("--start-at", metavar="WHEN", help="Not at once: 22:30, 2026-01-31T22:30, or +2h.")
]
Window = Annotated[
    _Text,
    typer.Option("--window", metavar="TIMES", help="Send only then: 22:00-04:00[@ZONE|@node][/mon,tue]."),
]
Dynamic = Annotated[bool, typer.Option("--dynamic", help="Nodes that match the selector later get it, too.")]
Approval = Annotated[bool, typer.Option("--approval", help="Only plan it: it starts when somebody approves the plan.")]
OnDrift = Annotated[
    DriftPolicy | None,
    typer.Option("--drift", help="When a node loses it later: bring it back, or only show it."),
]
File = Annotated[
    Path | None,
    typer.Option(
        "--rollout", metavar="FILE", exists=True, dir_okay=False, readable=True, help="The whole policy from a file."
    ),
]

# name of the parameter: (its type, its option, its field, how its text is read)
_READ: dict[str, tuple[Any, str, str, Callable[[Any], Any]]] = {
    "groups": (Groups, "--groups", "groups", wording.group_sizes),
    "success": (Success, "--success", "success_percent", wording.percentage),
    "rate": (Rate, "--rate", "rate", wording.rate),
    "stop": (Stop, "--stop", "stop", lambda rules: [wording.stop_rule(rule) for rule in rules]),
    "receive": (Receive, "--receive", "timers.receive_seconds", wording.seconds),
    "apply": (Apply, "--apply", "timers.apply_seconds", wording.seconds),
    "verify": (Verify, "--verify", "timers.verify_seconds", wording.seconds),
    "deadline": (Deadline, "--deadline", "deadline_seconds", wording.seconds),
    "start_at": (StartAt, "--start-at", "start_at", lambda text: wording.moment(text, datetime.now(UTC))),
    "window": (Window, "--window", "window", wording.window),
    "dynamic": (Dynamic, "--dynamic", "dynamic", bool),
    "approval": (Approval, "--approval", "approval", bool),
    "drift": (OnDrift, "--drift", "drift", str),
}
_OPTIONS = tuple(
    inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=kind,
        default=False if name in ("dynamic", "approval") else None,
    )
    for name, kind in [*((name, read[0]) for name, read in _READ.items()), ("rollout", File)]
)


def with_policy(run: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of a policy in place of its parameter `policy`."""
    own = [one for one in inspect.signature(run).parameters.values() if one.name != PARAMETER]
    keyword_only = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own[1:]]

    def started(session: Any, **given: Any) -> None:
        policy = read_policy({one.name: given.pop(one.name) for one in _OPTIONS})
        run(session, **given, **{PARAMETER: policy})

    started.__doc__ = run.__doc__
    # Typer reads the signature and the annotations.
    started.__signature__ = inspect.Signature([own[0], *keyword_only, *_OPTIONS])  # type: ignore[attr-defined]
    return started


def read_policy(given: Mapping[str, Any]) -> Policy:
    """What the options say, over what the file says. Raises typer.BadParameter, and CommandFailed for a file."""
    file = read_file(given["rollout"]) if given.get("rollout") else None
    fields = file.fields if file else {}
    options: dict[str, str] = {}
    for name, (_, option, place, read) in _READ.items():
        text = given.get(name)
        # An empty text is a mistake, such as a variable that is not set; a flag that was not given is False.
        if text is None or text is False or text == []:
            continue
        try:
            value = read(text)
        except wording.NotUnderstood as error:
            raise typer.BadParameter(str(error), param_hint=repr(option)) from None
        _put(fields, place, value)
        options[place] = option
    return Policy(fields, options, file)


def _put(fields: dict[str, Any], place: str, value: Any) -> None:
    whole, _, part = place.partition(".")
    if not part:
        fields[whole] = value
        return
    inner = fields.get(whole)
    fields[whole] = {**(inner if isinstance(inner, dict) else {}), part: value}
