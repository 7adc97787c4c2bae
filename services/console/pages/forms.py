"""What is read out of forms on several pages."""


def number_in(text: str) -> int | str | None:
    """A number; None for nothing, and what is no number as it is, so that it is refused at its field."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text or None
