"""Runs the application over HTTPS until a signal ends it."""

from __future__ import annotations

import asyncio

import uvicorn

from server import log
from server.app import create_app
from server.config import Config
from server.migrate import insist_on_newest

GRACE_S = 10


def server(config: Config) -> uvicorn.Server:
    """A server that is not running yet; plain HTTP is not offered."""
    settings = uvicorn.Config(
        create_app(config),
        host=config.host,
        port=config.port,
        ssl_certfile=config.files / "tls/server.pem",
        ssl_keyfile=config.files / "tls/server.key",
        log_config=None,
        access_log=False,
        server_header=False,
        # Limits count by the address of the connection, not by what a client says of itself.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=30,
    )
    return uvicorn.Server(settings)


def serve(config: Config) -> None:
    log.configure()
    insist_on_newest(config.database_url)
    asyncio.run(server(config).serve())
