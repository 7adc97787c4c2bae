"""A command that says what helps when there are too many words: most often a text with blanks lacks its quotes."""

from typing import TYPE_CHECKING

from typer.core import TyperCommand

from services.cli.cells import visible

if TYPE_CHECKING:
    from typer import _click


class QuotingCommand(TyperCommand):
    """See the module's docstring."""

    def parse_args(self, ctx: "_click.Context", args: list[str]) -> list[str]:
        """Typer's own, but for what it says of words that are left."""
        ctx.allow_extra_args = True
        left = super().parse_args(ctx, args)
        if left and not ctx.resilient_parsing:
            words = visible(" ".join(left))
            ctx.fail(f"Got unexpected words ({words}): a text with blanks in it needs quotes, such as 'a b'.")
        return left
