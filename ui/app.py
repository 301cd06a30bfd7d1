"""The console as one ASGI application: plain routes first (API, sign-in, probes, assets), pages below them."""

from typing import Final

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from nicegui import app as nicegui_app
from nicegui import ui as nicegui_ui
from sqlalchemy import Engine

from ui import (
    access,
    auth_middleware,
    compact,
    deleted_elements,
    design,
    error_page,
    escaping,
    headers,
    page_answers,
    props,
    public_limits,
    signatures,
    sockets,
)
from ui.api import (
    alerts,
    analytics,
    audit,
    auth,
    bulk,
    connection_return,
    connections,
    demo,
    docs,
    failures,
    job_ranges,
    jobs,
    metrics,
    oidc,
    operators,
    outbox,
    people,
    probes,
    problems,
    queues,
    schedules,
    unsubscribe,
    users,
    views,
    workers,
)
from ui.pages import declare_pages


def create_api(engine: Engine, version: str) -> FastAPI:
    """Return everything that is not a NiceGUI page: API, sign-in, probes, assets."""
    application = _plain_routes(engine, version)
    headers.install(application)
    return application


def create(engine: Engine, version: str) -> FastAPI:
    """Return the whole console, reading and writing through `engine`. Call it once per process."""
    application = _plain_routes(engine, version)
    application.add_middleware(auth_middleware.AuthMiddleware, site=application)
    headers.install(application)
    signatures.install()
    deleted_elements.install()
    escaping.install()
    props.install()
    design.install()
    declare_pages()
    nicegui_app.on_exception(error_page.incident)
    nicegui_app.add_exception_handler(404, error_page.no_such_page)
    nicegui_app.add_exception_handler(Exception, error_page.broken_page)
    # No loading bar across the top: it flickers on short requests, and screen readers have no name for it.
    nicegui_app.config.quasar_config["loadingBar"]["skipHijack"] = True
    nicegui_ui.run_with(
        application,
        title="Unstuck",
        favicon=design.ASSETS / "favicon.svg",
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10,
        gzip_middleware_factory=lambda pages: GZipMiddleware(pages, compresslevel=compact.LEVEL),
    )
    page_answers.install()
    sockets.install()
    return application


#: The parts of the API, in the order of its documentation.
_PARTS: Final = (
    *(probes, metrics, auth, demo, job_ranges, jobs, users, connections, bulk, failures, analytics),
    *(people, operators, views, queues, schedules, workers, audit, alerts, outbox, docs),
)


def _plain_routes(engine: Engine, version: str) -> FastAPI:
    access.use(engine)
    application = FastAPI(
        title="Unstuck",
        version=version,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses=problems.documented(),
        max_body_size=problems.MOST_BYTES,
    )
    problems.install(application)
    application.add_middleware(public_limits.PublicLimits)
    for part in _PARTS:
        application.include_router(part.router)
    application.include_router(unsubscribe.pages)
    application.include_router(oidc.pages)  # before the sign-in links, whose path matches any word
    application.include_router(auth.pages)
    application.include_router(connection_return.pages)
    docs.mount_static(application)
    problems.catch_the_rest(application)
    application.mount(design.ASSETS_URL, compact.Assets(directory=design.ASSETS), name="assets")
    application.add_middleware(compact.Compact)
    return application
