"""The emoji that an account may put under a message: those that Telegram offers to everybody.

Chats may allow fewer; then Telegram refuses the reaction and the account says so. Source: the Bot API's
`ReactionTypeEmoji`. Written without the variation selector (U+FE0F), as Telegram wants them.
"""

_SELECTOR = "\ufe0f"
# fmt: off
REACTIONS = (
    "👍", "👎", "❤", "🔥", "🥰", "👏", "😁", "🤔", "🤯", "😱", "🤬", "😢", "🎉", "🤩", "🤮", "💩",
    "🙏", "👌", "🕊", "🤡", "🥱", "🥴", "😍", "🐳", "❤‍🔥", "🌚", "🌭", "💯", "🤣", "⚡", "🍌", "🏆",
    "💔", "🤨", "😐", "🍓", "🍾", "💋", "🖕", "😈", "😴", "😭", "🤓", "👻", "👨‍💻", "👀", "🎃", "🙈",
    "😇", "😨", "🤝", "✍", "🤗", "🫡", "🎅", "🎄", "☃", "💅", "🤪", "🗿", "🆒", "💘", "🙉", "🦄",
    "😘", "💊", "🙊", "😎", "👾", "🤷‍♂", "🤷", "🤷‍♀", "😡",
)
# fmt: on


def canonical_reaction(value: object) -> str:
    """The reaction as Telegram spells it. Raises ValueError with words for the script's author."""
    bare = value.replace(_SELECTOR, "") if isinstance(value, str) else ""
    if bare not in REACTIONS:
        some = " ".join(REACTIONS[:12])
        raise ValueError(f"expected one of the emoji that Telegram has as reactions, such as {some}")
    return bare


def reaction_schema() -> dict[str, object]:
    """The same for editors; keyboards write some emoji with the selector at their end."""
    spelled = [each + end for each in REACTIONS for end in ("", _SELECTOR)]
    return {"enum": spelled, "description": "An emoji that Telegram has as a reaction."}
