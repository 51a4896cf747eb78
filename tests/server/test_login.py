"""Certificate login over HTTP on a real database: the good way, and every way it is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.testing import TestClient

from server import demo_ca
from server.api.login import login_router
from server.approval import Approval, check_approval
from server.business.refusals import Refused
from server.business.signed_message import Algorithm, approval_message, login_message
from server.certificates import TrustFolder, load_trust, spki_sha256
from server.db import Connection, Pool, new_id, open_pool
from server.demo_ca import DemoCa, Issued
from server.enrolment import Operator, bind_certificate, revoke_certificate
from server.login import LoginSettings
from server.sessions import end_sessions_of_untrusted, session_of

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
            found = conn.execute(statement, values)  # type: ignore[call-overload]
            return found.fetchall() if found.description else []

    def bind(self, signer: Issued, name: str = "经办人") -> int:
        operator = Operator(name, f"TEST{name}", "13800000000")
        return self.run(lambda conn: bind_certificate(conn, self.unit_id, operator, signer.der))

    def challenge(self) -> dict[str, Any]:
        answer = self.client.post("/auth/challenge")
        assert answer.status_code == 201, answer.text
        return answer.json()

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


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> DemoCa:
    return demo_ca.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def ca(made_once: DemoCa, tmp_path: Path) -> DemoCa:
    """A copy of one's own: a test may revoke."""
    return DemoCa(Path(shutil.copytree(made_once.folder, tmp_path / "ca")))


@pytest.fixture
def hall(database: str, ca: DemoCa) -> Iterator[Hall]:
    settings = LoginSettings(
        AUDIENCE, frozenset({spki_sha256(ca.tls.certificate)}), TrustFolder(ca.trust_folder)
    )
    pool = open_pool(database)

    async def opened(app: Litestar) -> None:
        await pool.open()

    async def closed(app: Litestar) -> None:
        await pool.close()

    def refused(request: Request[Any, Any, Any], refusal: Refused) -> Response[dict[str, str]]:
        content = {"code": refusal.reason.code, "text": refusal.reason.text}
        return Response(content, status_code=refusal.status)

    app = Litestar(
        [login_router],
        dependencies={
            "pool": Provide(lambda: pool, sync_to_thread=False, use_cache=True),
            "login_settings": Provide(lambda: settings, sync_to_thread=False, use_cache=True),
        },
        signature_types=[Pool, LoginSettings],
        on_startup=[opened],
        on_shutdown=[closed],
        exception_handlers={Refused: refused},
        openapi_config=None,
        debug=True,
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
        hall.sql("truncate audit, session, login_challenge, login_failure, certificate, operator")


@pytest.mark.parametrize("name", ["p256", "rsa2048"])
def test_login_bound_certificate_opens_a_session(hall: Hall, ca: DemoCa, name: str) -> None:
    certificate_id = hall.bind(ca.operator(name))
    answer = hall.log_in(ca.operator(name))
    assert answer.status_code == 201, answer.text
    view = answer.json()
    assert view["unit_id"] == hall.unit_id
    assert (view["unit_name"], view["operator_name"]) == ("甲单位", "经办人")
    assert (view["login_kind"], view["certificate_id"]) == ("certificate", certificate_id)
    assert not view["is_suspended"]
    assert 890 <= view["idle_left_s"] <= 900
    assert hall.client.get("/auth/session").json()["unit_id"] == hall.unit_id
    assert hall.audited() == [("bind-certificate", "ok"), ("login", "ok")]


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


def test_login_unknown_certificate_is_refused(hall: Hall, ca: DemoCa) -> None:
    assert code_of(hall.log_in(ca.operator("p256"))) == "L06"


@pytest.mark.parametrize(
    ("name", "code"),
    [("expired", "L04"), ("not-yet-valid", "L04"), ("encryption", "L15"), ("other-ca", "L03")],
)
def test_login_unfit_certificate_is_refused_though_bound(
    hall: Hall, ca: DemoCa, name: str, code: str
) -> None:
    hall.bind(ca.operator(name))
    assert code_of(hall.log_in(ca.operator(name))) == code
    assert ("login", code) in hall.audited()


def test_login_same_names_from_another_key_is_refused(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    twin = demo_ca.issue_operator(ca, "twin", demo_ca.Holder())
    assert twin.certificate.subject == ca.operator("p256").certificate.subject
    assert code_of(hall.log_in(twin)) == "L06"


def test_login_repeated_request_is_refused(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    body = hall.body(ca.operator("p256"), hall.challenge())
    assert hall.client.post("/auth/login", json=body).status_code == 201
    assert code_of(hall.client.post("/auth/login", json=body)) == "L01"


def test_login_challenge_is_used_up_by_a_failure(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    challenge = hall.challenge()
    wrong = hall.body(ca.operator("p256"), challenge, nonce=bytes(32))
    assert code_of(hall.client.post("/auth/login", json=wrong)) == "L02"
    right = hall.body(ca.operator("p256"), challenge)
    assert code_of(hall.client.post("/auth/login", json=right)) == "L01"


def test_login_one_challenge_twenty_times_at_once_opens_one_session(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    body = hall.body(ca.operator("p256"), hall.challenge())
    cookies = dict(hall.client.cookies)
    found: list[int] = []

    def press() -> None:
        found.append(
            hall.client.post(
                "/auth/login", json=body, headers={"cookie": _header(cookies)}
            ).status_code
        )

    threads = [threading.Thread(target=press) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == [201] + [401] * 19


def _header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def test_login_late_challenge_is_refused(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    challenge = hall.challenge()
    hall.sql("update login_challenge set expires_at = now() - interval '1 s'")
    body = hall.body(ca.operator("p256"), challenge)
    assert code_of(hall.client.post("/auth/login", json=body)) == "L01"


def test_login_challenge_of_another_browser_is_refused(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    challenge = hall.challenge()
    hall.client.cookies.clear()
    hall.challenge()
    body = hall.body(ca.operator("p256"), challenge)
    assert code_of(hall.client.post("/auth/login", json=body)) == "L01"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"audience": "https://hall.example.evil:8443"}, "L02"),
        ({"challenge_id": "another"}, "L02"),
        ({"certificate_sha256": bytes(32)}, "L02"),
        ({"server_spki_sha256": bytes(32)}, "L10"),
    ],
)
def test_login_signature_over_other_things_is_refused(
    hall: Hall, ca: DemoCa, change: dict[str, Any], code: str
) -> None:
    hall.bind(ca.operator("p256"))
    assert code_of(hall.log_in(ca.operator("p256"), **change)) == code


def test_login_with_an_approvals_signature_is_refused(hall: Hall, ca: DemoCa) -> None:
    signer = ca.operator("p256")
    hall.bind(signer)
    challenge = hall.challenge()
    body = hall.body(signer, challenge)
    message = approval_message(
        AUDIENCE,
        challenge["challenge_id"],
        hashlib.sha256(base64.b64decode(challenge["nonce"])).digest(),
        spki_sha256(ca.tls.certificate),
        hashlib.sha256(signer.der).digest(),
    )
    body["signature"] = text(signature(signer, message)[1])
    assert code_of(hall.client.post("/auth/login", json=body)) == "L02"


def test_login_algorithm_that_does_not_fit_is_refused(hall: Hall, ca: DemoCa) -> None:
    body = hall.body(ca.operator("p256"), hall.challenge()) | {"algorithm": "RSA-PKCS1-SHA256"}
    assert code_of(hall.client.post("/auth/login", json=body)) == "L09"


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"certificate": text(bytes(9000))},
        {"server_spki_sha256": text(bytes(31))},
        {"chain": [text(b"x")] * 5},
        {"signature": ""},
        {"signature": "not base64!"},
        {"challenge_id": 5},
    ],
)
def test_login_malformed_request_is_refused_and_spends_nothing(
    hall: Hall, ca: DemoCa, change: dict[str, Any]
) -> None:
    hall.bind(ca.operator("p256"))
    body = hall.body(ca.operator("p256"), hall.challenge())
    assert hall.client.post("/auth/login", json=body | change).status_code == 400
    assert hall.client.post("/auth/login", json=body).status_code == 201


def test_login_huge_request_is_refused(hall: Hall) -> None:
    assert hall.client.post("/auth/login", content=b"x" * 70_000).status_code in (400, 413)


def test_login_inactive_operator_is_refused(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    hall.sql("update operator set state = 'inactive'")
    assert code_of(hall.log_in(ca.operator("p256"))) == "L07"


def test_login_revoked_binding_is_refused_and_its_session_ends(hall: Hall, ca: DemoCa) -> None:
    certificate_id = hall.bind(ca.operator("p256"))
    hall.log_in(ca.operator("p256"))
    hall.run(lambda conn: revoke_certificate(conn, hall.unit_id, certificate_id))
    assert code_of(hall.client.get("/auth/session")) == "N01"
    assert code_of(hall.log_in(ca.operator("p256"))) == "L06"


def test_binding_a_bound_certificate_is_refused(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    with pytest.raises(Refused) as caught:
        hall.bind(ca.operator("p256"), "另一人")
    assert caught.value.reason.code == "L16"


def test_binding_again_after_revocation_works(hall: Hall, ca: DemoCa) -> None:
    first = hall.bind(ca.operator("p256"))
    hall.run(lambda conn: revoke_certificate(conn, hall.unit_id, first))
    assert hall.bind(ca.operator("p256")) != first
    assert hall.log_in(ca.operator("p256")).status_code == 201


def test_binding_to_no_unit_is_refused(hall: Hall, ca: DemoCa) -> None:
    with pytest.raises(Refused) as caught:
        replace(hall, unit_id=1).bind(ca.operator("p256"))
    assert caught.value.reason.code == "N04"


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
    hall.sql(f"update session set {aged}")
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


def test_challenges_of_one_address_are_limited(hall: Hall) -> None:
    for _ in range(5):
        hall.client.cookies.clear()
        hall.challenge()
    hall.client.cookies.clear()
    answer = hall.client.post("/auth/challenge")
    assert answer.status_code == 429 and code_of(answer) == "L08"


def test_challenges_of_one_browser_replace_each_other(hall: Hall) -> None:
    for _ in range(8):
        hall.challenge()
    assert hall.sql("select count(*) from login_challenge") == [(1,)]


def test_failures_of_one_certificate_make_it_wait_longer(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"))
    hall.bind(ca.operator("rsa2048"), "另一人")
    for _ in range(3):
        assert code_of(hall.log_in(ca.operator("p256"), nonce=bytes(32))) == "L02"
    assert code_of(hall.log_in(ca.operator("p256"))) == "L08"
    assert hall.log_in(ca.operator("rsa2048")).status_code == 201
    waits = []
    for _ in range(2):
        hall.sql("update login_failure set blocked_until = now()")
        assert code_of(hall.log_in(ca.operator("p256"), nonce=bytes(32))) == "L02"
        waits += hall.sql(
            "select extract(epoch from max(blocked_until) - now())::int from login_failure"
        )
    assert waits[0][0] >= 9 and waits[1][0] >= 19
    hall.sql("update login_failure set blocked_until = now()")
    assert hall.log_in(ca.operator("p256")).status_code == 201
    assert hall.sql("select max(failures) from login_failure") == [(5,)]  # the address's own


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


def test_trust_is_read_from_the_folder_with_crls(ca: DemoCa) -> None:
    trust = load_trust(ca.trust_folder)
    assert (len(trust.roots), len(trust.intermediates), len(trust.crls)) == (1, 1, 2)
    assert all(
        crl.next_update_utc and crl.next_update_utc > datetime.now(UTC) for crl in trust.crls
    )
