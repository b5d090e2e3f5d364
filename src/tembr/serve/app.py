"""The application: routes, errors, headers, the page."""

from __future__ import annotations

import logging
import secrets
import time
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tembr import __version__
from tembr.errors import TembrError
from tembr.recognize.recognizer import Recognizer
from tembr.serve import routes, websocket
from tembr.serve.admission import Admission
from tembr.serve.errors import Refusal, content, refusal_of
from tembr.serve.executor import Executor
from tembr.serve.metrics import Metrics
from tembr.serve.schemas import problems
from tembr.serve.service import Service, client, service_of
from tembr.serve.sessions import Sessions
from tembr.serve.settings import ServiceSettings

log = logging.getLogger("tembr.serve")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}

router = APIRouter()


def create_app(recognizer: Recognizer, settings: ServiceSettings) -> FastAPI:
    """The application of a service that hears with `recognizer`."""
    app = FastAPI(
        title="Tembr",
        version=__version__,
        description="Hears emotion in speech, Polish first. Nothing that is sent is stored.",
        docs_url=None,
        redoc_url=None,
    )
    admission, sessions = Admission(settings.limits), Sessions(settings.limits)
    metrics = Metrics(lambda: admission.under_way, lambda: len(sessions))
    app.state.service = Service(settings, Executor(recognizer, settings), admission, sessions, metrics)
    app.state.page = read_page()
    for each in (routes.router, websocket.router, router):
        app.include_router(each)
    app.add_exception_handler(TembrError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unknown)
    app.middleware("http")(_watched)
    return app


def read_page() -> dict[str, bytes]:
    """The files of the page by name; what a client names is looked up here, and in no folder."""
    folder = files("tembr.serve") / "page"
    found = folder.iterdir() if folder.is_dir() else ()
    return {file.name: file.read_bytes() for file in found if file.name.endswith(tuple(TYPES))}


@router.get("/", include_in_schema=False)
@router.get("/page/{name}", include_in_schema=False)
async def page(request: Request, name: str = "index.html") -> Response:
    """The page, which holds nothing secret."""
    found = request.app.state.page.get(name)
    if found is None:
        raise HTTPException(404)
    return Response(found, media_type=TYPES[f".{name.rpartition('.')[2]}"])


@router.get("/healthz", response_class=PlainTextResponse)
async def health() -> str:
    """Whether the process answers."""
    return "ok\n"


@router.get("/readyz", response_class=PlainTextResponse, responses=problems(503))
async def ready(request: Request) -> str:
    """Whether requests are let in."""
    service_of(request).admission.check_open()
    return "ok\n"


@router.get("/metrics", response_class=PlainTextResponse, responses=problems())
async def metrics(request: Request) -> Response:
    """Counters for Prometheus."""
    client(request)
    return PlainTextResponse(service_of(request).metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _watched(request: Request, call_next) -> Response:
    """Counts and logs every request, without a word of what was in it."""
    begin, name = time.perf_counter(), secrets.token_hex(6)
    try:
        response = await call_next(request)
    except Exception as error:
        log.error("failed", exc_info=error)
        response = _answer(Refusal(500, "fault", "a fault of the service; its log says more"))
    route = request.scope.get("route")
    path, seconds = getattr(route, "path", "other"), time.perf_counter() - begin
    counted = service_of(request).metrics
    counted.requests.labels(path, response.status_code).inc()
    counted.seconds.labels(path).observe(seconds)
    facts = {"request": name, "method": request.method, "path": path, "status": response.status_code}
    log.info("request", extra={"facts": facts | {"seconds": round(seconds, 4)}})
    response.headers.update(HEADERS | {"X-Request-Id": name})
    return response


async def _refused(request: Request, error: TembrError) -> Response:
    return _answer(refusal_of(error))


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    worst: dict[str, Any] = error.errors()[0]
    where = ".".join(str(part) for part in worst["loc"][1:])
    return _answer(Refusal(422, "argument", f"{where}: {worst['msg']}"))


async def _unknown(request: Request, error: HTTPException) -> Response:
    known = {404: "no such path; /openapi.json lists them", 405: "this path is asked in another way"}
    message = known.get(error.status_code, str(error.detail))
    answer = _answer(Refusal(error.status_code, "path", message))
    answer.headers.update(error.headers or {})
    return answer


def _answer(refusal: Refusal) -> JSONResponse:
    return JSONResponse(content(refusal), refusal.status, refusal.headers)
