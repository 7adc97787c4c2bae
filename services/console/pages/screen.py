"""How a page comes about: its regions are loaded side by side, each fails by itself, and a template holds them.

A region is a part of a page with its own question to the API. One whose service is away says so in its place, while the
others are shown; the page's script asks for it again until it is there. The same script asks for single regions when
something in them has changed (`X-Regions`), and gets them without the rest of the page.

The content security policy lets nothing run or load but our own files, and no inline script or style. Every value is
escaped by the templates; nothing here marks a text from outside as markup.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from services.console.clients.api import Away, Refused
from services.console.components import formats
from services.console.components.charts import bar
from services.console.domain.visitor import Visitor
from services.console.pages.navigation import NAVIGATION
from services.console.texts.catalogue import Language, language_of, languages
from services.console.texts.reasons import Reasons
from services.console.texts.words import SERVICES, STATES, tone_of, word_of
from shared.contracts.roles import Role

ROOT = Path(__file__).parents[1]
TEMPLATES, STATIC = ROOT / "templates", ROOT / "static"
THEME_COOKIE, SAID_COOKIE = "callboard_theme", "callboard_said"
THEMES = ("auto", "light", "dark")

SAFE_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types callboard",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}

Load = Callable[[], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True)
class Region:
    """A part of a page. `follows` names the topics that concern it, as `live.js` reads them."""

    name: str
    load: Load
    follows: str = ""


@dataclass(frozen=True)
class Page:
    """A page: its folder of templates has `page.html`, and a file for each region."""

    folder: str
    title: str
    regions: Sequence[Region] = ()
    current: str = ""
    status: int = 200


class Screen:
    """Makes responses of pages."""

    def __init__(self, version: str) -> None:
        self.languages = languages()
        self.reasons = {tag: Reasons(language) for tag, language in self.languages.items()}
        self._environments = {tag: self._environment(language) for tag, language in self.languages.items()}
        self._version = version
        self.assets = f"/assets/{_digest(STATIC)}"

    async def show(self, request: Request, visitor: Visitor | None, page: Page, **context: Any) -> Response:
        """The page, or those of its regions that were asked for."""
        language = language_of(request, self.languages)
        every = self._every(request, visitor, page, language)
        wanted = request.headers.get("x-regions")
        regions = [one for one in page.regions if wanted is None or one.name in wanted.split(",")]
        outcomes = await asyncio.gather(*(self._region(one, page, language, every | context) for one in regions))
        status = max([page.status, *(status for _, status in outcomes)])
        parts = {one.name: html for one, (html, _) in zip(regions, outcomes, strict=True)}
        if wanted is None and outcomes and outcomes[0][1] == 404:
            # What the page is about is not there: once is enough to say so.
            parts |= dict.fromkeys([one.name for one in regions[1:]], "")
        if wanted is not None:
            return HTMLResponse("\n".join(parts.values()), headers=SAFE_HEADERS)
        template = self._environments[language.tag].get_template(f"{page.folder}/page.html")
        html = template.render(every | context | {"region": lambda name: Markup(parts[name])})  # noqa: S704 -- rendered
        response = HTMLResponse(html, status, headers=SAFE_HEADERS)
        if SAID_COOKIE in request.cookies:
            response.delete_cookie(SAID_COOKIE, path="/")
        return response

    def fragment(self, request: Request, visitor: Visitor | None, template: str, **context: Any) -> Response:
        """A piece of a page by itself: a dialog, a line of a chat."""
        language = language_of(request, self.languages)
        status = context.pop("status", 200)
        every = self._every(request, visitor, Page("", ""), language)
        html = self._environments[language.tag].get_template(template).render(every | context)
        return HTMLResponse(html, status, headers=SAFE_HEADERS)

    def language(self, request: Request) -> Language:
        """The reader's language."""
        return language_of(request, self.languages)

    def reason(self, request: Request, reason: str | None) -> str:
        """What a service says, in the reader's language."""
        return self.reasons[self.language(request).tag].of(reason)

    async def _region(
        self, region: Region, page: Page, language: Language, every: Mapping[str, Any]
    ) -> tuple[str, int]:
        status = 200
        try:
            template, context = f"{page.folder}/{region.name}.html", await region.load()
        except Away as away:
            template, context, status = "parts/away.html", {"service": SERVICES.get(away.service, away.service)}, 200
        except Refused as refused:
            template, context, status = "parts/refused.html", {"refused": refused}, refused.status
        environment = self._environments[language.tag]
        body = environment.get_template(template).render({**every, **context})
        frame = environment.get_template("parts/region.html")
        html = frame.render(region=region, body=Markup(body), away=template == "parts/away.html")  # noqa: S704 -- rendered
        return html, status

    def _every(self, request: Request, visitor: Visitor | None, page: Page, language: Language) -> dict[str, Any]:
        theme = request.cookies.get(THEME_COOKIE)
        return {
            "page": page,
            "path": request.url.path,
            "query": request.query_params,
            "visitor": visitor,
            "may_operate": visitor is not None and visitor.may(Role.OPERATOR),
            "may_administer": visitor is not None and visitor.may(Role.ADMIN),
            "language": language,
            "languages": list(self.languages.values()),
            "theme": theme if theme in THEMES else "auto",
            "navigation": NAVIGATION,
            "assets": self.assets,
            "version": self._version,
            "said": read_said(request),
            "dialog": "x-dialog" in request.headers,
        }

    def _environment(self, language: Language) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_callables(  # type: ignore[attr-defined]
            language.gettext, language.ngettext, newstyle=True
        )
        environment.filters |= {
            "moment": formats.moment,
            "count": formats.count,
            "per_minute": formats.per_minute,
            "number": formats.number,
            "duration": lambda seconds: formats.duration(seconds, language.ngettext),
            "size": formats.size,
            "hash": formats.short_hash,
            "labels": formats.labels,
            "tone": tone_of,
            "word": lambda state: language.gettext(word_of(state)),
            "told": language.gettext,
            "reason": self.reasons[language.tag].of,
        }
        environment.globals |= {"bar": bar, "states": STATES}
        return environment


def say(response: Response, text: str, tone: str = "good") -> None:
    """Let the next page say it, once."""
    told = base64.urlsafe_b64encode(json.dumps([tone, text]).encode()).decode()
    response.set_cookie(SAID_COOKIE, told, max_age=60, path="/", httponly=True, samesite="strict")


def read_said(request: Request) -> tuple[str, str] | None:
    """What the page before wanted said. A cookie that somebody has made up is text, and is shown as text."""
    try:
        tone, text = json.loads(base64.urlsafe_b64decode(request.cookies[SAID_COOKIE]))
    except (KeyError, ValueError, TypeError):
        return None
    return (tone, text) if tone in ("good", "warn", "bad") and isinstance(text, str) else None


def _digest(folder: Path) -> str:
    """A name for what is in the folder now, so that browsers may keep its files for ever."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
