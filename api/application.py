"""The HTTP service: its routes, and one line of text for whatever goes wrong."""

from collections.abc import Sequence

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api.webhooks import WebhookIntake

log = structlog.get_logger()


def application(webhooks: WebhookIntake, ledger: Sequence[Route], pay: Sequence[Route] = ()) -> Starlette:
    """Put the service together."""
    return Starlette(
        routes=[
            Route("/webhooks/{gateway}", webhooks.take, methods=["POST"]),
            Route("/health", _health, methods=["GET"]),
            *ledger,
            *pay,
        ],
        exception_handlers={HTTPException: _refusal, Exception: _defect},
    )


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _refusal(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    log.warning("request.refused", method=request.method, path=_path(request), status=error.status_code)
    # What is left of a body that is not wanted is not waited for.
    headers = {**(error.headers or {}), "connection": "close"}
    return PlainTextResponse(f"{error.detail}\n", error.status_code, headers)


async def _defect(request: Request, error: Exception) -> Response:
    what = str(error).partition("\n")[0][:500]
    log.error("request.failed", path=_path(request), error=type(error).__name__, reason=what)
    return PlainTextResponse("this is a defect of ours, send it again later\n", 500)


def _path(request: Request) -> str:
    """Return the path for the log: whoever has the token of a pay link may act by it."""
    path = request.url.path
    return "/pay/..." if path.startswith("/pay/") else path[:200]
