"""The login's server over HTTP on a real database, and what the centre does behind its back."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from server.api.errors import HANDLERS
from server.api.login import login_router
from server.business.signed_message import Algorithm, login_message
from server.certificates import TrustFolder, spki_sha256
from server.db import Connection, new_id, open_pool
from server.demo_ca import DemoCa, Issued
from server.enrolment import Operator, bind_certificate
from server.login import LoginSettings

T = TypeVar("T")
AUDIENCE = "https://hall.example:8443"
SESSION_COOKIE = "__Host-session"


def signature(signer: Issued, message: bytes) -> tuple[str, bytes]:
    key = signer.key
    if isinstance(key, rsa.RSAPrivateKey):
        signed = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return Algorithm.RSA_PKCS1_SHA256.value, signed
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Algorithm.ECDSA_SHA256.value, key.sign(message, ec.ECDSA(hashes.SHA256()))


def text(value: bytes) -> str:
    return base64.b64encode(value).decode()


@dataclass(frozen=True)
class Hall:
    """A server on the database, and what the centre can do behind its back."""

    client: TestClient[Litestar]
    ca: DemoCa
    settings: LoginSettings
    url: str
    unit_id: int

    def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async def once() -> T:
            async with await psycopg.AsyncConnection.connect(self.url) as conn:
                return await work(conn)

        return asyncio.run(once())

    def sql(self, statement: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as conn:
            found = conn.execute(statement, values)
            return found.fetchall() if found.description else []

    def bind(self, signer: Issued, name: str = "经办人") -> int:
        operator = Operator(name, f"TEST{name}", "13800000000")
        return self.run(lambda conn: bind_certificate(conn, self.unit_id, operator, signer.der))

    def challenge(self) -> dict[str, Any]:
        answer = self.client.post("/auth/challenge")
        assert answer.status_code == 201, answer.text
        opened: dict[str, Any] = answer.json()
        return opened

    def body(self, signer: Issued, challenge: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """A login as an honest client makes it, with ``changes`` to what is signed."""
        signed = {
            "audience": challenge["audience"],
            "nonce": base64.b64decode(challenge["nonce"]),
            "challenge_id": challenge["challenge_id"],
            "server_spki_sha256": spki_sha256(self.ca.tls.certificate),
            "certificate_sha256": hashlib.sha256(signer.der).digest(),
        } | changes
        algorithm, made = signature(signer, login_message(**signed))
        return {
            "challenge_id": challenge["challenge_id"],
            "algorithm": algorithm,
            "certificate": text(signer.der),
            "server_spki_sha256": text(signed["server_spki_sha256"]),
            "signature": text(made),
        }

    def log_in(self, signer: Issued, where: str = "login", **changes: Any) -> Any:
        return self.client.post(
            f"/auth/{where}", json=self.body(signer, self.challenge(), **changes)
        )

    def audited(self) -> list[tuple[str, str]]:
        return self.sql("select action, outcome from audit order by audit_id")


def code_of(answer: Any) -> str:
    assert answer.status_code >= 400, answer.text
    return str(answer.json()["code"])


@contextmanager
def open_hall(database: str, ca: DemoCa) -> Iterator[Hall]:
    settings = LoginSettings(
        AUDIENCE, frozenset({spki_sha256(ca.tls.certificate)}), TrustFolder(ca.trust_folder)
    )
    pool = open_pool(database)

    async def opened(app: Litestar) -> None:
        await pool.open()

    async def closed(app: Litestar) -> None:
        await pool.close()

    app = Litestar(
        [login_router],
        dependencies={
            "pool": Provide(lambda: pool, sync_to_thread=False, use_cache=True),
            "login_settings": Provide(lambda: settings, sync_to_thread=False, use_cache=True),
        },
        on_startup=[opened],
        on_shutdown=[closed],
        exception_handlers=HANDLERS,
        openapi_config=None,
    )
    with TestClient(app, base_url="https://testserver.local") as client:
        hall = Hall(client, ca, settings, database, new_id())
        hall.sql(
            "insert into unit (unit_id, name, uscc, county, opened_day, unit_ratio,"
            " personal_ratio, paid_through) values (%s, '甲单位', 'X', '532301', '2020-01-01',"
            " 1200, 1200, 2024 * 12)",
            hall.unit_id,
        )
        yield hall
