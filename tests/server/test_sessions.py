"""Sessions and approvals on a real database: what locks, ends, and does not extend them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Awaitable, Iterator
from pathlib import Path

import psycopg
import pytest

from server import demo_ca
from server.approval import Approval, check_approval
from server.business.refusals import Refused
from server.business.signed_message import approval_message
from server.certificates import spki_sha256
from server.db import Connection
from server.demo_ca import DemoCa, Issued
from server.sessions import end_sessions_of_untrusted, session_of
from tests.server.login_hall import AUDIENCE, SESSION_COOKIE, Hall, code_of, open_hall, signature


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> DemoCa:
    return demo_ca.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def ca(made_once: DemoCa, tmp_path: Path) -> DemoCa:
    """A copy of one's own: a test may revoke."""
    return DemoCa(Path(shutil.copytree(made_once.folder, tmp_path / "ca")))


@pytest.fixture
def hall(database: str, ca: DemoCa) -> Iterator[Hall]:
    with open_hall(database, ca) as hall:
        yield hall


def test_session_cookie_is_kept_from_scripts_and_other_sites(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    cookie = hall.log_in(ca.operator("p256")).headers["set-cookie"]
    assert cookie.startswith("__Host-session=")
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"))
    assert "Domain" not in cookie


def test_session_token_is_not_in_the_database(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    hall.log_in(ca.operator("p256"))
    token = hall.client.cookies[SESSION_COOKIE]
    ((stored,),) = hall.sql("select token_sha256 from session")
    assert bytes(stored) == hashlib.sha256(token.encode()).digest()


def test_suspended_session_acts_no_more_and_resumes_with_its_key(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    hall.log_in(ca.operator("p256"))
    token = hall.client.cookies[SESSION_COOKIE]
    hall.run(lambda conn: session_of(conn, token))
    for _ in range(2):
        assert hall.client.post("/auth/suspend").status_code == 204
    with pytest.raises(Refused) as caught:
        hall.run(lambda conn: session_of(conn, token))
    assert caught.value.reason.code == "L11"
    assert hall.client.get("/auth/session").json()["is_suspended"]
    answer = hall.log_in(ca.operator("p256"), "resume")
    assert answer.status_code == 201 and not answer.json()["is_suspended"]
    assert hall.run(lambda conn: session_of(conn, token)).unit_id == hall.unit_id
    actions = [action for action, outcome in hall.audited() if outcome == "ok"]
    assert actions == ["bind-certificate", "login", "suspend", "resume"]


def test_resume_with_another_certificate_ends_the_session(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    hall.bind(ca.operator("rsa2048"), "另一人")
    hall.log_in(ca.operator("p256"))
    hall.client.post("/auth/suspend")
    assert code_of(hall.log_in(ca.operator("rsa2048"), "resume")) == "L13"
    assert code_of(hall.log_in(ca.operator("p256"), "resume")) == "N01"


def test_logged_out_session_is_over(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    hall.log_in(ca.operator("p256"))
    token = hall.client.cookies[SESSION_COOKIE]
    assert hall.client.post("/auth/logout").status_code == 204
    answer = hall.client.get("/auth/session", headers={"cookie": f"{SESSION_COOKIE}={token}"})
    assert code_of(answer) == "N01"


@pytest.mark.parametrize(
    "aged",
    [
        "last_seen_at = now() - interval '901 s'",
        "created_at = now() - interval '8 h', last_seen_at = now()",
    ],
)
def test_session_left_alone_or_too_old_is_over(hall: Hall, ca: DemoCa, aged: str) -> None:
    hall.bind(ca.operator("p256"))
    hall.log_in(ca.operator("p256"))
    hall.sql(f"update session set {aged}")  # noqa: S608
    assert code_of(hall.client.get("/auth/session")) == "N01"
    assert code_of(hall.log_in(ca.operator("p256"), "resume")) == "N01"


def test_session_activity_counts_and_looking_at_it_does_not(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    hall.log_in(ca.operator("p256"))
    token = hall.client.cookies[SESSION_COOKIE]
    hall.sql("update session set last_seen_at = now() - interval '600 s'")
    assert hall.client.get("/auth/session").json()["idle_left_s"] <= 300
    hall.run(lambda conn: session_of(conn, token))
    assert hall.client.get("/auth/session").json()["idle_left_s"] >= 890


def test_no_session_is_refused(hall: Hall) -> None:
    assert code_of(hall.client.get("/auth/session")) == "N01"
    assert hall.client.post("/auth/suspend").status_code == 204


def test_recheck_ends_sessions_of_revoked_certificates_only(hall: Hall, ca: DemoCa) -> None:
    tokens = {}
    for name in ("p256", "rsa2048"):
        hall.bind(ca.operator(name), name)
        assert hall.log_in(ca.operator(name)).status_code == 201
        tokens[name] = hall.client.cookies[SESSION_COOKIE]

    def recheck(conn: Connection) -> Awaitable[int]:
        return end_sessions_of_untrusted(conn, hall.settings.trust.current())

    assert hall.run(recheck) == 0
    demo_ca.revoke(ca, ca.operator("p256").certificate)
    assert hall.run(recheck) == 1
    assert hall.run(lambda conn: session_of(conn, tokens["rsa2048"])).operator_name == "rsa2048"
    with pytest.raises(Refused):
        hall.run(lambda conn: session_of(conn, tokens["p256"]))
    ca.crl_file("issuing").unlink()
    assert hall.run(recheck) == 0
    assert ("recheck", "L12") in hall.audited()


def test_audit_holds_no_personal_data_and_cannot_be_changed(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"), "张三丰")
    hall.log_in(ca.operator("p256"))
    ((written,),) = hall.sql("select string_agg(a::text, ' ') from audit a")
    for secret in ("张三丰", "13800000000", "经办人", hall.client.cookies[SESSION_COOKIE]):
        assert secret not in written
    with psycopg.connect(hall.url) as conn:
        conn.execute("set role hpf_app")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("update audit set outcome = 'ok'")


def approval_code(hall: Hall, signer: Issued, approval: Approval, document: bytes, key: str) -> str:
    token = hall.client.cookies[SESSION_COOKIE]

    async def check(conn: Connection) -> str:
        session = await session_of(conn, token)
        try:
            await check_approval(
                conn, session, key, document, approval,
                hall.settings.own_spki_sha256, hall.settings.audience,
            )  # fmt: skip
        except Refused as refused:
            return refused.reason.code
        return "approved"

    return hall.run(check)


def test_approval_counts_for_its_document_key_and_signer_only(hall: Hall, ca: DemoCa) -> None:
    signer, other = ca.operator("p256"), ca.operator("rsa2048")
    hall.bind(signer)
    hall.log_in(signer)
    document = hashlib.sha256(b"document").digest()

    def approve(by: Issued, key: str = "idem-1") -> Approval:
        message = approval_message(
            AUDIENCE, key, document, spki_sha256(ca.tls.certificate),
            hashlib.sha256(by.der).digest(),
        )  # fmt: skip
        return Approval(*signature(by, message))

    good = approve(signer)
    assert approval_code(hall, signer, good, document, "idem-1") == "approved"
    assert approval_code(hall, signer, good, bytes(32), "idem-1") == "L14"
    assert approval_code(hall, signer, good, document, "idem-2") == "L14"
    assert approval_code(hall, signer, approve(other), document, "idem-1") == "L14"
    assert approval_code(hall, signer, Approval("none", b""), document, "idem-1") == "L14"
