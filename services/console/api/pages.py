"""The pages for people: `/` says what is here, `/docs` shows the API. Nothing is loaded from another host.

Swagger UI's files come from the package `fastapi-offline`, of which nothing else is used.
"""

import html
from collections.abc import Sequence
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from services.console.domain.upstreams import Upstream

ASSETS = "/docs/assets"
# The start page is all text; scripts are for /docs alone.
PLAIN = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
}

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Callboard</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #222 }}
td, th {{ text-align: left; padding: .2rem 1.5rem .2rem 0 }} code {{ background: #f2f2f2; padding: .1rem .3rem }}
</style></head>
<body>
<h1>Callboard</h1>
<p>The control plane for Telegram accounts that run on many computers.
This is the address of its API, version {version}.</p>
<ul>
<li><a href="/docs">The API, to read and to try</a> (<a href="/openapi.json">OpenAPI document</a>)</li>
<li><a href="/health/ready">Is everything ready?</a></li>
</ul>
<p>Every request needs the header <code>Authorization: Bearer &lt;token&gt;</code>. On the command line, begin with
<code>callboard nodes</code> and <code>callboard accounts</code>.</p>
<table><tr><th>Path</th><th>Service</th></tr>
{rows}
</table>
</body></html>
"""


def swagger_files() -> Path:
    """The folder with Swagger UI's script, style and icon."""
    return Path(fastapi_offline.__file__).parent / "static"


def pages_router(upstreams: Sequence[Upstream], version: str) -> APIRouter:
    """The routes of the pages; open, because they tell nothing about the fleet."""
    router = APIRouter(include_in_schema=False)
    start = _start_page(upstreams, version)

    @router.get("/")
    async def what_is_here() -> Response:
        return HTMLResponse(start, headers=PLAIN)

    @router.get("/docs")
    async def docs() -> Response:
        return _swagger_page()

    return router


def _start_page(upstreams: Sequence[Upstream], version: str) -> str:
    rows = [
        f"<tr><td><code>{html.escape(prefix)}</code></td><td>{html.escape(upstream.name)}</td></tr>"
        for upstream in upstreams
        for prefix in (*upstream.prefixes, *upstream.paths, *upstream.signed)
    ]
    return _PAGE.format(version=html.escape(version), rows="\n".join(rows))


def _swagger_page() -> Response:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Callboard: the API",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
        # Swagger UI sends documents to a validator on the web unless told not to.
        swagger_ui_parameters={"validatorUrl": None},
    )
