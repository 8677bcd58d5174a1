"""`python -m benchmarks.baseline_intake PORT`: the baseline of the webhook intake: a bare handler that inserts one row.

The same web framework, server, pool and database; no signature, no event, no transmission, no bounds.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import uvicorn
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.server import listening, server
from ledger.database import create_engine
from local import process
from local.health import answers_ok
from local.ports import LOOPBACK, free_port
from local.system import System
from settings import load

TABLE = "CREATE TABLE IF NOT EXISTS baseline_intake (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)"
GRANT = "GRANT INSERT ON baseline_intake TO quittance_app"
INSERT = text("INSERT INTO baseline_intake (body) VALUES (:body)")
START_SECONDS = 30.0


@contextmanager
def running_intake(system: System) -> Iterator[str]:
    """Run it beside the system for as long as the block runs; gives the address to send to."""
    with psycopg.connect(system.environment["MIGRATION_DATABASE_URL"]) as connection:
        connection.execute(TABLE)
        connection.execute(GRANT)
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.baseline_intake", str(port)]
    log = system.path / "logs" / "baseline_intake.log"
    running = process.start("The baseline's intake", command, log=log, environment=system.environment)
    try:
        running.wait_healthy(lambda: answers_ok(f"http://{LOOPBACK}:{port}/health"), START_SECONDS)
        yield f"http://{LOOPBACK}:{port}/insert"
    finally:
        running.stop()


def _server() -> uvicorn.Server:
    settings = load()
    engine = create_engine(settings.database_url, settings.database_pool_size)

    async def insert(request: Request) -> Response:
        body = await request.body()
        async with engine.begin() as connection:
            await connection.execute(INSERT, {"body": body})
        return PlainTextResponse("kept\n")

    async def health(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    routes = [Route("/insert", insert, methods=["POST"]), Route("/health", health)]
    return server(Starlette(routes=routes))


if __name__ == "__main__":
    _server().run(sockets=[listening(LOOPBACK, int(sys.argv[1]))])
