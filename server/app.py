"""Wires the server: which parts are real is chosen here and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from litestar import Litestar, Response, get
from litestar.di import NamedDependency, Provide
from litestar.openapi import OpenAPIConfig
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template.config import TemplateConfig

from server import completion, reversal
from server.api.access import access_router
from server.api.bank import BANK_ROUTES
from server.api.batches import BATCH_ROUTES, BODY_MAX_BYTES
from server.api.counter import counter_router
from server.api.errors import HANDLERS
from server.api.login import login_router
from server.api.queries import QUERY_ROUTES
from server.api.receipts import RECEIPT_ROUTES, TEMPLATES
from server.api.scope import guard_units_routes
from server.api.sms_codes import send_code
from server.bank_notices import Movements
from server.business.release import INTERFACE, VERSION
from server.captcha import forget_old_captchas
from server.certificates import TrustFolder, spki_sha256
from server.config import Config
from server.db import Pool, open_pool, transaction
from server.log import describe
from server.login import LoginSettings
from server.login_limits import forget_old_failures
from server.notices import tell_payment_ended
from server.outside.bank import HttpBank
from server.payments import IN, OUT, Payments
from server.receipts import fonts
from server.receipts.issue import Press
from server.receipts.layout import ReceiptData
from server.receipts.pdf import render
from server.receipts.sign import Signer
from server.sessions import end_sessions_of_untrusted
from server.sms_codes import forget_old_codes

log = logging.getLogger(__name__)
# What an end at the bank means in the books.
COMPLETE = {IN: completion.complete_paid, OUT: reversal.complete_refund}
RECHECK_EVERY_S = 24 * 60 * 60
SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
}


class HealthView(msgspec.Struct):
    """What anybody may know, so that a client can compare its clock and its release."""

    time: datetime
    status: str = "ok"
    version: str = VERSION
    interface: str = INTERFACE


@get("/health", summary="服务是否可用", tags=["公开"])
async def health(pool: NamedDependency[Pool]) -> HealthView:
    async with transaction(pool) as conn:
        await conn.execute("select 1")
    return HealthView(datetime.now(UTC))


@get("/v/style.css", include_in_schema=False)
async def verify_style() -> Response[bytes]:
    return Response((TEMPLATES / "style.css").read_bytes(), media_type="text/css")


ROUTES: list[Any] = [
    health, verify_style, login_router, access_router, counter_router,
    *BATCH_ROUTES, send_code, *QUERY_ROUTES, *RECEIPT_ROUTES, *BANK_ROUTES,
]  # fmt: skip


def create_app(config: Config) -> Litestar:
    """The ASGI application; everything it opens is closed when it ends."""
    certificate = x509.load_pem_x509_certificate((config.files / "tls/server.pem").read_bytes())
    own_spki = frozenset({spki_sha256(certificate)})
    trust = TrustFolder(config.files / "trust")
    pool = open_pool(config.database_url)
    settings = LoginSettings(config.audience, own_spki, trust)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        await pool.open(wait=True, timeout=30)
        bank = HttpBank(config.bank_url, config.bank_key, timeout_s=config.pace.bank_timeout_s)
        payments = Payments(pool, bank, COMPLETE, tell_payment_ended, config.pace)
        movements = Movements(pool, payments)
        with _processes() as processes:
            app.state.update(
                pool=pool,
                payments=payments,
                movements=movements,
                bank_key=config.bank_key,
                press=_press(processes, config),
                spki_sha256=own_spki,
                audience=config.audience,
                is_production=config.is_production,
            )
            tasks = [
                asyncio.create_task(payments.run()),
                asyncio.create_task(movements.run()),
                asyncio.create_task(_recheck(pool, trust)),
            ]
            yield
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await bank.close()
        await pool.close()

    return Litestar(
        route_handlers=ROUTES,
        dependencies={
            "pool": Provide(lambda: pool, sync_to_thread=False),
            "login_settings": Provide(lambda: settings, sync_to_thread=False),
        },
        guards=[guard_units_routes],
        exception_handlers=HANDLERS,
        lifespan=[lifespan],
        openapi_config=OpenAPIConfig(title="住房公积金单位网厅", version=INTERFACE, path="/schema"),
        template_config=TemplateConfig(directory=TEMPLATES, engine=JinjaTemplateEngine),
        request_max_body_size=BODY_MAX_BYTES,
        response_headers=SECURITY_HEADERS,
        logging_config=None,
    )  # fmt: skip


def _processes() -> ProcessPoolExecutor:
    """Receipts are rendered in a process of their own, away from the event loop."""
    return ProcessPoolExecutor(
        max_workers=1, mp_context=multiprocessing.get_context("spawn"), initializer=fonts.load
    )


def _press(processes: ProcessPoolExecutor, config: Config) -> Press:
    signer = Signer(
        load_pem_private_key((config.files / "receipts/signer.key").read_bytes(), None),
        x509.load_pem_x509_certificates((config.files / "receipts/signer.pem").read_bytes()),
    )

    async def render_there(receipt: ReceiptData) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(processes, render, receipt)

    async def render_signed(receipt: ReceiptData) -> bytes:
        return await asyncio.to_thread(signer.sign, await render_there(receipt))

    return Press(render_signed, config.public_url, render_there)


async def _recheck(pool: Pool, trust: TrustFolder) -> None:
    """Daily: ends the sessions of certificates revoked meanwhile, forgets what is over."""
    while True:
        await asyncio.sleep(RECHECK_EVERY_S)
        try:
            async with transaction(pool) as conn:
                await end_sessions_of_untrusted(conn, trust.current())
                await forget_old_failures(conn)
                await forget_old_captchas(conn)
                await forget_old_codes(conn)
        except Exception as error:  # noqa: BLE001 - The daily check must outlive any one failure.
            log.error("sessions: the daily check failed: %s", describe(error))
