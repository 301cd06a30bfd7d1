"""The API documentation at /api/docs; it loads nothing from other sites."""

from importlib.resources import files

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)


@router.get("/api/docs")
def docs() -> HTMLResponse:
    """Show the API in Swagger UI."""
    return get_swagger_ui_html(
        openapi_url="/api/openapi.json",
        title="Unstuck API",
        swagger_js_url="/api/docs/static/swagger-ui-bundle.js",
        swagger_css_url="/api/docs/static/swagger-ui.css",
        swagger_favicon_url="/assets/favicon.svg",
    )


def mount_static(application: FastAPI) -> None:
    """Serve Swagger UI's files from the package that bundles them."""
    folder = str(files("fastapi_offline") / "static")
    application.mount("/api/docs/static", StaticFiles(directory=folder), name="docs-static")
