"""A group of commands whose bare name is its `list`: `callboard accounts --node a` means `… accounts list --node a`.

There is one list with one set of options; the group only looks whether a command was named. The options that every
command has may stand before its name.
"""

import difflib
import shlex
from typing import TYPE_CHECKING

from typer.core import TyperGroup, TyperOption

if TYPE_CHECKING:
    from typer import _click

LIST = "list"
SHOW = "show"


class ListGroup(TyperGroup):
    """See the module's docstring."""

    def parse_args(self, ctx: "_click.Context", args: list[str]) -> list[str]:
        """Typer's own, after the command's name was put in where it is missing."""
        place = self._behind_own_options(ctx, args)
        names_none = place == len(args) or (place < len(args) and args[place].startswith("-"))
        # A shell that asks for completions wants the commands, too.
        if names_none and not ctx.resilient_parsing:
            args = [*args[:place], LIST, *args[place:]]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: "_click.Context", args: list[str]
    ) -> "tuple[str | None, _click.Command | None, list[str]]":
        """Typer's own; a word that is like no command is most often the name of what somebody wants to see."""
        word = args[0]
        # A word that is like a command is told that command.
        strange = self.get_command(ctx, word) is None and not difflib.get_close_matches(word, self.commands)
        if strange and SHOW in self.commands and not ctx.resilient_parsing:
            shows = f"`{ctx.command_path} {SHOW} {shlex.quote(word)}` shows the one of this name"
            ctx.fail(f"No such command {word!r}: {shows}.")
        return super().resolve_command(ctx, args)

    def _behind_own_options(self, ctx: "_click.Context", args: list[str]) -> int:
        """Where the group's own options and their values end; behind the last word when a value is missing."""
        options = [one for one in self.get_params(ctx) if isinstance(one, TyperOption)]
        flags = {name: one.is_flag for one in options for name in one.opts}
        place = 0
        while place < len(args):
            name, equals, _ = args[place].partition("=")
            if name not in flags:
                break
            place += 1 if equals or flags[name] else 2
        return place
