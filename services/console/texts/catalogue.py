"""The languages of the page: gettext catalogues, read from their `.po` files when the console starts.

English is the language of the sources. `_` in templates and `gettext` of a `Language` in code look a text up; `marked`
marks one that is looked up later. A test finds every text that a language does not have, and every one that it has and
nobody uses any more.
"""

import io
from dataclasses import dataclass
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import Request

FOLDER = Path(__file__).parent
COOKIE = "callboard_language"


@dataclass(frozen=True)
class Language:
    """A language of the page; `tag` is for HTML and `Intl`, `name` is what its speakers call it."""

    tag: str
    name: str
    short: str
    translations: NullTranslations

    def gettext(self, text: str) -> str:
        """The text in this language."""
        return self.translations.gettext(text)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The text for so many, in this language."""
        return self.translations.ngettext(one, many, count)


def marked(text: str) -> str:
    """A text that is looked up where it is shown."""
    return text


def marked_pair(one: str, many: str) -> tuple[str, str]:
    """A text with a plural that is looked up where it is shown."""
    return one, many


def languages() -> dict[str, Language]:
    """All of them, by tag; English first."""
    chinese = _compiled(FOLDER / "zh_Hant.po")
    return {
        "en": Language("en", "English", "EN", NullTranslations()),
        "zh-Hant": Language("zh-Hant", "繁體中文", "中", chinese),
    }


def language_of(request: Request, known: dict[str, Language]) -> Language:
    """The one that the reader chose, else the first of the browser's that there is."""
    chosen = request.cookies.get(COOKIE)
    if chosen in known:
        return known[chosen]
    wanted = [part.partition(";")[0].strip() for part in request.headers.get("accept-language", "").split(",")]
    # Whoever reads any Chinese reads this one better than English.
    names = {"en": "en", "zh": "zh-Hant", "zh_Hant": "zh-Hant"}
    found = negotiate_locale([tag.replace("-", "_") for tag in wanted if tag], list(names))
    return known[names.get(found or "en", "en")]


def _compiled(path: Path) -> GNUTranslations:
    with path.open("rb") as file:
        catalogue = read_po(file, locale="zh_Hant")
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
