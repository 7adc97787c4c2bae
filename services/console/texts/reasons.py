"""What the services say of an account, a delivery or a server, in the reader's language.

The services speak English: their reasons are stored, counted and filtered as they are, and only what is shown is told
anew. A language keeps their sentences in a catalogue of its own (`reasons.<language>.po`), which a test holds against
every sentence in the services' sources. A reason is one sentence or several, so it is read piece by piece, and the
values in a piece are put into its translation. What no catalogue knows, such as Telegram's own words, stays as it came.

Most values are taken as they are. One called `what`, `why` or `last` is a reason itself, `state` and `causes` are words
for states, and a `code` has capital letters only. A translation is plain text, as the reason is: templates escape it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from babel.messages.pofile import read_po

from services.console.texts.catalogue import FOLDER, Language
from services.console.texts.words import word_of

VALUE = re.compile(r"%\((\w+)\)s")
# Where a piece ends, and what is written there for it.
_END = re.compile(r"[.;](?:\s+|\Z)|\Z")
_ENDS = {".": "。", ";": "；", "": ""}
# What a sentence begins with is in its own piece; what comes later may be a stranger's words, of several.
_CODE, _FIRST, _ANY = r"[-A-Z0-9_]+", r"(?:(?![.;]\s).)*?", ".*?"
_REASONS, _WORDS = {"what", "why", "last"}, {"state", "causes"}
# As many as a few full tables show; each is a few hundred characters.
_REMEMBERED = 4096
# Ours have less of both; a stranger's is not read for ever.
_MOST_PIECES, _DEEPEST = 20, 6


@dataclass(frozen=True)
class Sentence:
    """A sentence of a service, how it is recognised, and what it is in the reader's language."""

    text: str
    told: str
    pattern: re.Pattern[str]
    letters: int


class Reasons:
    """Tells reasons in one language."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self.sentences = list(_sentences(language))
        self._told: Callable[[str, int], str] = lru_cache(_REMEMBERED)(self._read)

    def of(self, reason: str | None) -> str:
        """The reason in this language; none is empty."""
        return self._told(reason or "", 0)

    def _read(self, reason: str, depth: int) -> str:
        pieces: list[str] = []
        at = 0
        while at < len(reason) and len(pieces) < _MOST_PIECES:
            known = self._known(reason, at)
            end = _END.search(reason, known[1].end() if known else at)
            assert end is not None
            told = self._translated(*known, depth) + _ENDS[end.group()[:1]] if known else reason[at : end.end()]
            pieces.append(told)
            at = end.end()
        return "".join(pieces) + reason[at:]

    def _known(self, reason: str, at: int) -> tuple[Sentence, re.Match[str]] | None:
        """The sentence that begins here: the shortest that fits, and of these the one with the fewest values."""
        fitting = ((one, found) for one in self.sentences if (found := one.pattern.match(reason, at)))
        return min(fitting, key=lambda each: (each[1].end(), -each[0].letters), default=None)

    def _translated(self, sentence: Sentence, found: re.Match[str], depth: int) -> str:
        return sentence.told % {name: self._value(name, value, depth) for name, value in found.groupdict().items()}

    def _value(self, name: str, value: str, depth: int) -> str:
        if name in _WORDS:
            return re.sub(r"[a-z_]+", lambda word: self._language.gettext(word_of(word.group())), value)
        return self._told(value, depth + 1) if name in _REASONS and depth < _DEEPEST else value


def _sentences(language: Language) -> Iterator[Sentence]:
    path = FOLDER / f"reasons.{language.tag.replace('-', '_')}.po"
    if not path.exists():
        return
    with path.open("rb") as file:
        for message in read_po(file):
            if message.id:
                text = str(message.id)
                yield Sentence(text, str(message.string), _pattern(text), len(VALUE.sub("", text)))


def _pattern(text: str) -> re.Pattern[str]:
    """Finds the sentence wherever it stands: with a capital letter or without, up to the end of a piece."""
    parts = VALUE.split(text)
    parts[::2] = (re.escape(part.replace("%%", "%")) for part in parts[::2])
    parts[1::2] = (f"(?P<{name}>{_CODE if name == 'code' else _ANY})" for name in parts[1::2])
    if not parts[0]:
        parts[1] = parts[1].replace(_ANY, _FIRST)
    found = "".join(parts)
    if text[0].isalpha():
        found = f"[{text[0].lower()}{text[0].upper()}]{found[1:]}"
    return re.compile(f"{found}(?={_END.pattern})", re.DOTALL)
