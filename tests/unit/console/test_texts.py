"""The catalogue: every text of the page in every language, with its values, and none that nobody uses."""

import re
from collections.abc import Iterator
from functools import cache

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from services.console.pages.screen import ROOT
from services.console.texts.catalogue import FOLDER, languages

_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
_OPTIONS = {"templates/**.html": {"silent": "false", "trimmed": "false", "newstyle_gettext": "true"}}
_KEYWORDS = {"_": None, "marked": None, "gettext": None, "ngettext": (1, 2)}
_VALUE = re.compile(r"%\((\w+)\)s")


@cache
def texts() -> set[tuple[str, ...]]:
    """Every text in the sources; one with a plural has two forms."""
    found = extract_from_dir(ROOT, _METHODS, _OPTIONS, keywords=_KEYWORDS)
    return {(one,) if isinstance(one, str) else tuple(one[:2]) for _, _, one, _, _ in found}


def translated() -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Each text of the catalogue with its translation."""
    with (FOLDER / "zh_Hant.po").open("rb") as file:
        for message in read_po(file):
            if message.id:
                yield _forms(message.id), _forms(message.string)


def _forms(text: object) -> tuple[str, ...]:
    return tuple(map(str, text)) if isinstance(text, tuple) else (str(text),)


def test_no_text_is_missing() -> None:
    """A page that is half in another language looks unfinished in both."""
    have = {text for text, told in translated() if all(told)}
    assert sorted(texts() - have) == []


def test_no_text_is_left_over() -> None:
    """Translations of what nobody says any more are read by translators for ever."""
    assert sorted({text for text, _ in translated()} - texts()) == []


def test_values_have_their_places() -> None:
    """A name misspelt in a translation is an error page for whoever reads that language."""
    for text, told in translated():
        wanted = set(_VALUE.findall(text[-1]))
        for one in told:
            assert set(_VALUE.findall(one)) == wanted, (text, one)


@pytest.mark.parametrize("tag", ["en", "zh-Hant"])
def test_a_language_knows_itself(tag: str) -> None:
    """The switch between languages shows each in its own name."""
    language = languages()[tag]
    assert language.tag == tag
    assert language.gettext("Accounts") == {"en": "Accounts", "zh-Hant": "帳號"}[tag]
    assert language.ngettext("%(num)s row", "%(num)s rows", 2) == {"en": "%(num)s rows", "zh-Hant": "%(num)s 列"}[tag]
