"""The whole server as a client meets it, in this process: real database, bank, CA, approvals."""

from __future__ import annotations

import base64
import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from litestar import Litestar
from litestar.testing import AsyncTestClient

from server.business.businesses import business_of
from server.business.document import document_sha256
from server.business.signed_message import Algorithm, approval_message, login_message
from server.certificates import spki_sha256
from server.db import Pool, transaction
from server.demo_ca import DemoCa, Holder, Issued, issue_operator
from server.enrolment import Operator, bind_certificate
from server.ledger.balance import books
from server.outside.sandbox_bank.books import Account
from server.outside.sandbox_bank.control import SandboxBank
from tests.factory import Desk, open_unit

AUDIENCE = "https://testserver.local"


def text(value: bytes) -> str:
    return base64.b64encode(value).decode()


@dataclass
class Caller:
    """One operator at one client, with a P-256 key."""

    client: AsyncTestClient[Litestar]
    ca: DemoCa
    key: Issued
    unit_id: int
    cookies: dict[str, str] = field(default_factory=dict)
    audience: str = AUDIENCE

    def sign(self, message: bytes) -> str:
        key = self.key.key
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return text(key.sign(message, ec.ECDSA(hashes.SHA256())))

    async def call(self, method: str, path: str, **arguments: Any) -> Any:
        self.client.cookies.clear()
        headers = arguments.pop("headers", {})
        if self.cookies:
            headers = headers | {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        answer = await self.client.request(method, path, headers=headers, **arguments)
        self.cookies.update(dict(answer.cookies))
        return answer

    async def log_in(self) -> Any:
        opened = (await self.call("POST", "/auth/challenge", json={})).json()
        spki = spki_sha256(self.ca.tls.certificate)
        fingerprint = hashlib.sha256(self.key.der).digest()
        nonce = base64.b64decode(opened["nonce"])
        self.audience = opened["audience"]
        message = login_message(
            opened["audience"], nonce, opened["challenge_id"], spki, fingerprint
        )
        body = {
            "challenge_id": opened["challenge_id"],
            "algorithm": Algorithm.ECDSA_SHA256.value,
            "certificate": text(self.key.der),
            "server_spki_sha256": text(spki),
            "signature": self.sign(message),
        }
        return await self.call("POST", "/auth/login", json=body)

    async def save(
        self, code: str, rows: list[Any], head: dict[str, str] | None = None
    ) -> dict[str, Any]:
        body = {"head": head or {}, "rows": rows}
        answer = await self.call("POST", f"/api/businesses/{code}/batches", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def approval(
        self,
        code: str,
        idem: str,
        rows: list[Any],
        head: dict[str, str],
        only_passing: bool = False,
        amount_fen: int | None = None,
    ) -> Any:
        digest = document_sha256(
            business_of(code).code, self.unit_id, head, rows, only_passing, amount_fen
        )
        spki = spki_sha256(self.ca.tls.certificate)
        fingerprint = hashlib.sha256(self.key.der).digest()
        message = approval_message(self.audience, idem, digest, spki, fingerprint)
        return {"algorithm": Algorithm.ECDSA_SHA256.value, "signature": self.sign(message)}

    async def do(
        self,
        code: str,
        rows: list[Any],
        head: dict[str, str] | None = None,
        only_passing: bool = False,
    ) -> Any:
        """Saves and submits as the client does."""
        head, idem = head or {}, str(uuid.uuid4())
        saved = await self.save(code, rows, head)
        body = {
            "version": saved["version"],
            "only_passing": only_passing,
            "approval": self.approval(code, idem, rows, head, only_passing),
        }
        path = f"/api/businesses/{code}/batches/{saved['batch_id']}/submit"
        return await self.call("POST", path, json=body, headers={"Idempotency-Key": idem})

    async def print(self, number: str, job: str = "1") -> dict[str, Any]:
        """A printing of this receipt that a printer's queue has."""
        answer = await self.call("POST", "/api/prints", json={"receipts": [number]})
        (printed,) = answer.json()["prints"]
        body = {"print_ids": [printed["print_id"]], "job": job}
        assert (await self.call("PUT", "/api/prints", json=body)).status_code == 204
        return dict(printed)


@dataclass
class Hall:
    """The application with its bank and its CA; ``enter`` opens a unit and logs its operator in."""

    client: AsyncTestClient[Litestar]
    ca: DemoCa
    bank: SandboxBank
    pool: Pool
    desks: dict[int, Desk] = field(default_factory=dict)

    async def enter(self, unit_name: str, money_fen: int = 10_000_000_00) -> Caller:
        account_no = f"53230100000{len(self.desks) + 1:02d}"
        desk = await open_unit(self.pool, unit_name, account_no=account_no)
        self.bank.set_account(Account(account_no, unit_name, money_fen))
        self.bank.sign(f"XY{account_no}", account_no)
        self.desks[desk.unit_id] = desk
        return await self.colleague(desk.unit_id)

    async def colleague(self, unit_id: int) -> Caller:
        """One more operator of the unit, with a key of their own."""
        key = issue_operator(self.ca, f"hall-{uuid.uuid4()}", Holder())
        async with transaction(self.pool) as conn:
            operator = Operator("李经办", f"5323{uuid.uuid4().int % 10**14:014d}", "13987800001")
            await bind_certificate(conn, unit_id, operator, key.der)
        caller = Caller(self.client, self.ca, key, unit_id)
        answer = await caller.log_in()
        assert answer.status_code == 201, answer.text
        return caller


def code_of(answer: Any) -> str:
    return str(answer.json()["code"])


def problems_of(answer: Any) -> list[tuple[int | None, str, str]]:
    return [(p["row"], p["key"], p["code"]) for p in answer.json()["problems"]]


async def submit(
    caller: Caller, code: str, saved: Any, rows: list[Any], head: Any = None, **given: Any
) -> Any:
    """Submits what was saved; ``given`` takes the place of what a client would send."""
    idem = given.get("idem") or str(uuid.uuid4())
    only_passing, amount_fen = given.get("only_passing", False), given.get("amount_fen")
    body = {
        "version": saved["version"],
        "only_passing": only_passing,
        "approval": caller.approval(code, idem, rows, head or {}, only_passing, amount_fen),
        "amount_fen": given.get("sent_fen", amount_fen),
    }
    path = f"/api/businesses/{code}/batches/{saved['batch_id']}/submit"
    return await caller.call("POST", path, json=body, headers={"Idempotency-Key": idem})


async def assert_books_agree(hall: Hall) -> None:
    async with transaction(hall.pool) as conn:
        assert (await books(conn)).disagreements == []
