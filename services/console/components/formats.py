"""How values are written: times, counts, sizes, hashes. Text in, text out; templates escape it."""

from collections.abc import Callable
from datetime import UTC, datetime

from markupsafe import Markup, escape

from services.console.texts.catalogue import marked_pair as ngettext

_UNITS = (
    (*ngettext("%(num)s day", "%(num)s days"), 86_400),
    (*ngettext("%(num)s hour", "%(num)s hours"), 3600),
    (*ngettext("%(num)s minute", "%(num)s minutes"), 60),
    (*ngettext("%(num)s second", "%(num)s seconds"), 1),
)


def moment(at: datetime | None, *, exact: bool = False) -> Markup:
    """A time. The page's script makes it relative, with the exact one in the reader's zone on hover, or shows that."""
    if at is None:
        return Markup('<span class="none">–</span>')
    at = at.astimezone(UTC)
    iso = at.isoformat(timespec="milliseconds")
    kind = Markup(" data-exact") if exact else ""
    return Markup('<time datetime="{}"{}>{} UTC</time>').format(iso, kind, at.strftime("%Y-%m-%d %H:%M:%S"))


def count(number: float) -> str:
    """A number with thin spaces between the thousands, which reads in every language."""
    return f"{number:,.0f}".replace(",", "\u202f")


def per_minute(number: float) -> str:
    """A rate: exact where it is small."""
    return f"{number:.1f}" if 0 < number < 10 else count(number)


def number(given: float) -> str:
    """A number as it would be typed: 60 and not 60.0."""
    return f"{given:.10g}"


def duration(seconds: int, ngettext: Callable[[str, str, int], str]) -> str:
    """A time in its largest units: 1 day 12 hours."""
    words = []
    for one, many, unit in _UNITS:
        count, seconds = divmod(seconds, unit)
        words += [ngettext(one, many, count) % {"num": count}] if count else []
    return " ".join(words)


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
