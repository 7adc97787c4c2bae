"""`/docs`: the API, to read and to try. Nothing is loaded from another host.

Swagger UI's files come from the package `fastapi-offline`, of which nothing else is used.
"""

from pathlib import Path

import fastapi_offline
from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import Response

ASSETS = "/docs/assets"


def swagger_files() -> Path:
    """The folder with Swagger UI's script, style and icon."""
    return Path(fastapi_offline.__file__).parent / "static"


def pages_router() -> APIRouter:
    """The route of the page; open, because it tells nothing about the fleet."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def docs() -> Response:
        return _swagger_page()

    return router


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
