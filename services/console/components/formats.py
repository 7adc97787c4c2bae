"""How values are written: times, counts, sizes, hashes. Text in, text out; templates escape it."""

from datetime import datetime

from markupsafe import Markup, escape


def moment(at: datetime | None) -> Markup:
    """A time. The page's script makes it relative, with the exact one in the reader's zone on hover."""
    if at is None:
        return Markup('<span class="none">–</span>')
    iso = at.isoformat(timespec="milliseconds")
    return Markup('<time datetime="{}">{} UTC</time>').format(iso, at.strftime("%Y-%m-%d %H:%M:%S"))


def count(number: float) -> str:
    """A number with thin spaces between the thousands, which reads in every language."""
    return f"{number:,.0f}".replace(",", "\u202f")


def per_minute(number: float) -> str:
    """A rate: exact where it is small."""
    return f"{number:.1f}" if 0 < number < 10 else count(number)


def size(number: int | None) -> str:
    """Bytes, in the unit that keeps them short."""
    if number is None:
        return "–"
    value = float(number)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def short_hash(given: str | None) -> Markup:
    """The first digits of a hash; the whole on hover."""
    if not given:
        return Markup('<span class="none">–</span>')
    return Markup('<span class="hash" title="{}">{}</span>').format(given, given.partition(":")[2][:10] or given[:10])


def labels(given: dict[str, str]) -> Markup:
    """Labels of a node, each as one piece."""
    pieces = (Markup('<span class="label">{}={}</span>').format(name, value) for name, value in sorted(given.items()))
    return Markup(" ").join(pieces)


def lines(text: str) -> Markup:
    """A text with its lines."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())
