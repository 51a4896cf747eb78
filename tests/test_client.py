"""The client against answers of every kind, and against a real TLS connection for its key."""

from __future__ import annotations

import base64
import datetime
import hashlib
import http.server
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hpf_desktop import wire
from hpf_desktop.answers import Approval, Saved
from hpf_desktop.client import Client
from hpf_desktop.wire import origin_of
from server.business.facts import Person, Status
from server.business.month import Month
from server.business.refusals import Level, Refused

ORIGIN = "https://hpf.example:8443"
Respond = Callable[[httpx.Request], httpx.Response]
UNIT = {
    "unit_id": 532300000001, "name": "示例单位", "status": "01", "business_day": "2026-07-15",
    "paid_through": "2026-06", "unit_ratio": 1200, "personal_ratio": 1200, "base_low_fen": 1,
    "base_high_fen": 2, "rounding": "EACH_YUAN", "remit_ahead_months": 0, "prepayment_fen": 500,
    "payment_limit_fen": 10, "signed_account": "", "paying": {"remittance": "77"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "PAUSES_S", (0.0, 0.0))


def client(respond: Respond) -> Client:
    return Client(ORIGIN, transport=httpx.MockTransport(respond))


def refusal(work: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        work()
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "http://hpf.example",
        "hpf.example",
        "ftp://x",
        "https://",
        "https://a/b",
        "",
        "https://hpf.example@evil.example",
        "https://u:p@hpf.example",
        "https://h:x",
        "https://h:99999",
        "https://[h",
        "https://h?x=1",
    ],
)
def test_address_without_https_is_refused(url: str) -> None:
    assert refusal(lambda: origin_of(url)).reason.code == "N10"


def test_missing_ca_file_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    assert refusal(lambda: Client(ORIGIN, missing)).reason.code == "N11"


def test_unit_is_parsed_into_its_types() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/unit":
            return httpx.Response(
                200, json={"unit": UNIT, "operator": {"name": "李", "login_kind": "certificate"}}
            )
        columns = [
            "account", "name", "id_tail", "status", "base_fen", "unit_fen", "personal_fen",
            "balance_fen", "from_month", "until_month", "paid_through", "is_frozen", "start_month",
            "phone",
        ]  # fmt: skip
        row = [
            100000000001,
            "阿依·买买提",
            "****0012",
            "02",
            1,
            2,
            3,
            4,
            "2026-01",
            None,
            "2026-06",
            False,
            None,
            "139****0001",
        ]
        return httpx.Response(200, json={"columns": columns, "rows": [row]})

    facts = client(respond).facts()
    assert facts.unit.paid_through == Month.of(2026, 6)
    assert facts.unit.business_day == datetime.date(2026, 7, 15)
    assert facts.unit.paying == {"remittance": "77"}
    person = facts.persons[100000000001]
    assert (person.status, person.from_month, person.until_month) == (
        Status.SEALED,
        Month.of(2026, 1),
        None,
    )
    assert (person.unit_id, person.phone) == (UNIT["unit_id"], "139****0001")


def test_refusal_of_the_server_keeps_code_words_and_places() -> None:
    body = {"code": "G14", "text": "有 1 处需要更正", "next_step": "按 F8", "problems": [
        {"row": 3, "key": "base", "code": "K08", "level": "error", "text": "超限",
         "next_step": "改"}]}  # fmt: skip
    error = refusal(lambda: client(lambda _: httpx.Response(422, json=body)).unit())
    assert (error.reason.code, error.reason.text) == ("G14", "有 1 处需要更正")
    assert [(p.row, p.key, p.code, p.level) for p in error.problems] == [
        (3, "base", "K08", Level.ERROR)
    ]


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "N01"), (404, "N04"), (413, "N02"), (429, "N08"), (500, "N05"), (502, "N09")],
)
def test_answer_that_is_not_the_servers_is_told_by_its_status(status: int, code: str) -> None:
    error = refusal(lambda: client(lambda _: httpx.Response(status, html="<html>")).log_out())
    assert error.reason.code == code
    assert "<html>" not in error.reason.text


def test_answer_that_cannot_be_read_is_refused() -> None:
    assert refusal(client(lambda _: httpx.Response(200, json=[1])).unit).reason.code == "N12"


@pytest.mark.parametrize(
    ("failure", "code"),
    [(httpx.ConnectError, "N06"), (httpx.ConnectTimeout, "N06"), (httpx.ReadTimeout, "N07"),
     (httpx.RemoteProtocolError, "N07"), (httpx.WriteError, "N07")],
)  # fmt: skip
def test_network_failure_is_told_and_get_is_tried_three_times(
    failure: type[Exception], code: str
) -> None:
    tries: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        tries.append(request.method)
        raise failure("broken")

    assert refusal(client(respond).unit).reason.code == code
    assert tries == ["GET"] * 3


def test_lost_answer_of_a_submission_is_asked_again_with_the_same_key() -> None:
    seen: list[tuple[str, bytes]] = []
    answer = {
        "state": "posted", "serial": "9", "receipt_no": "2026-000001", "rows": 1,
        "amount_fen": 0, "left_batch_id": None, "problem": None,
    }  # fmt: skip

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append((request.headers["Idempotency-Key"], request.content))
        if len(seen) < 3:
            raise httpx.ReadTimeout("lost")
        return httpx.Response(200, json=answer)

    approval = Approval("ECDSA-SHA256", b"\x01\x02")
    got = client(respond).submit("sealing", Saved("5", 2), True, approval, "key-12345")
    assert got.receipt_no == "2026-000001"
    assert len(set(seen)) == 1
    body = json.loads(seen[0][1])
    assert body == {"version": 2, "only_passing": True,
                    "approval": {"algorithm": "ECDSA-SHA256", "signature": "AQI="}}  # fmt: skip


def test_what_has_no_key_is_sent_once() -> None:
    tries: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        tries.append(request.url.path)
        raise httpx.ReadTimeout("lost")

    assert refusal(lambda: client(respond).save_new("sealing", {}, [])).reason.code == "N07"
    assert len(tries) == 1


def test_body_over_the_limit_is_refused_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "BODY_MAX_MB", 0)
    sent: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    assert (
        refusal(lambda: client(respond).save_new("sealing", {}, [{"a": "b"}])).reason.code == "N02"
    )
    assert not sent


def test_query_sends_filled_filters_and_cursor() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert dict(request.url.params) == {"name": "李", "after": "12", "limit": "200"}
        return httpx.Response(
            200, json={"rows": [{"a": 1}], "next": None, "count": 0, "totals": {}}
        )

    page = client(respond).query("roster", {"name": "李", "status": ""}, after=12)
    assert page.rows == ({"a": 1},)


def test_challenge_for_another_host_is_never_signed() -> None:
    nonce = base64.b64encode(bytes(32)).decode()
    body = {
        "challenge_id": "c",
        "nonce": nonce,
        "audience": "https://evil.example",
        "expires_in_s": 120,
    }
    assert refusal(client(lambda _: httpx.Response(201, json=body)).challenge).reason.code == "L10"


# --- A real TLS connection ---


class Site:
    """A small HTTPS server with a certificate of its own, for a day from ``since`` on."""

    def __init__(self, folder: Path, address: str = "127.0.0.1", since_days: int = 0) -> None:
        self.heard = 0
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "site")])
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(since_days)
        host = x509.IPAddress(ipaddress.ip_address(address))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name).issuer_name(name).public_key(self.key.public_key())
            .serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(1))
            .add_extension(x509.SubjectAlternativeName([host]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file = folder / "key.pem"
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        key_file.write_bytes(self.key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.ca_file, key_file)

    @property
    def spki_sha256(self) -> bytes:
        return hashlib.sha256(self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )).digest()  # fmt: skip

    @contextmanager
    def serving(self) -> Iterator[str]:
        site = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                site.heard += 1
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                origin = f"https://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
                nonce = base64.b64encode(bytes(32)).decode()
                told = {"challenge_id": "c", "nonce": nonce, "audience": origin}
                told["expires_in_s"] = 120
                body = json.dumps(told).encode()
                self.send_response(201)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        class Quiet(http.server.HTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that refuses the certificate is what one test wants."""

        server = Quiet(("127.0.0.1", 0), Answer)
        server.socket = self.context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def test_challenge_carries_the_key_of_its_very_connection(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.serving() as url:
        client = Client(url, site.ca_file)
        assert client.challenge().server_spki_sha256 == site.spki_sha256
        client.close()


def test_server_of_an_unknown_authority_is_not_ours(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.serving() as url:
        client = Client(url)
        assert refusal(client.challenge).reason.code == "L10"
        client.close()


@pytest.mark.parametrize(
    ("address", "since_days"), [("127.0.0.2", 0), ("127.0.0.1", -2), ("127.0.0.1", 2)]
)
def test_certificate_of_another_host_or_another_day_is_refused_before_anything_is_sent(
    tmp_path: Path, address: str, since_days: int
) -> None:
    site = Site(tmp_path, address, since_days)
    with site.serving() as url:
        client = Client(url, site.ca_file)
        secret = {"unit": "1", "password": "Zhuan-7-lan-shu", "captcha": "3467"}
        assert refusal(lambda: client.log_in_by_password(secret)).reason.code == "L10"
        client.close()
    assert site.heard == 0


def test_code_is_asked_for_and_goes_beside_the_document() -> None:
    sent: list[Any] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.path, json.loads(request.content)))
        posted = {"state": "posted", "serial": "1", "receipt_no": "2026-000001", "rows": 0,
                  "amount_fen": 0, "left_batch_id": None, "problem": None}  # fmt: skip
        return httpx.Response(200, json={"again_in_s": 60} | posted)

    assert client(respond).send_code("phone_change", "13987812345") == 60
    saved = Saved("7", 1)
    client(respond).submit(
        "phone_change", saved, False, None, "key-12345", None, {"code": "135790"}
    )
    assert sent[0] == ("/api/sms-codes", {"business": "phone_change", "phone": "13987812345"})
    assert sent[1][1]["codes"] == {"code": "135790"}


def test_candidates_of_another_unit_come_covered_and_keep_what_they_carry() -> None:
    sent: list[Any] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.path, json.loads(request.content)))
        found = {"sought": "532300000041", "account": 532300000041, "name": "*丽",
                 "id_tail": "0012", "status": "02"}  # fmt: skip
        return httpx.Response(200, json={"candidates": [found]})

    found = client(respond).candidates("transfer", 530100000021, ["532300000041"])
    body = {"from_unit": "530100000021", "sought": ["532300000041"]}
    assert sent == [("/api/businesses/transfer/candidates", body)]
    assert found == {
        "532300000041": Person(532300000041, 530100000021, "*丽", Status.SEALED, id_tail="0012")
    }


def test_what_a_problem_carries_arrives() -> None:
    problem = {"row": 0, "key": "id_number", "code": "K04A", "level": "error", "text": "",
               "next_step": "", "carries": {"person": "532301199003070012"}}  # fmt: skip
    body = {"head": {}, "problems": [problem]}
    checked = client(lambda _: httpx.Response(200, json=body)).check("account_opening", {}, [])
    assert checked.problems[0].carries == {"person": "532301199003070012"}


@pytest.mark.parametrize(("header", "wait_s"), [("38", 38), ("soon", 0), (None, 0)])
def test_wait_of_a_refusal_is_a_number(header: str | None, wait_s: int) -> None:
    body = {"code": "L08", "text": "登录尝试过多", "next_step": "请在 38 秒后再试"}
    headers = {"Retry-After": header} if header else {}
    caught = refusal(client(lambda _: httpx.Response(429, json=body, headers=headers)).captcha)
    assert (caught.reason.code, caught.wait_s) == ("L08", wait_s)


def test_password_is_sent_once_and_to_one_place() -> None:
    sent: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(503)

    texts = {"unit": "1", "password": "Zhuan-7-lan-shu", "captcha": "A7KX"}
    assert refusal(lambda: client(respond).log_in_by_password(texts)).reason.code == "N09"
    assert [request.url.path for request in sent] == ["/auth/password/login"]
    assert b"Zhuan" not in bytes(str(sent[0].url) + str(sent[0].headers), "utf-8")


def test_health_compares_the_clocks_and_is_asked_once() -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        ahead = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=10)
        told = {"status": "ok", "time": ahead.isoformat(), "version": "9.9", "interface": "1"}
        return httpx.Response(200, json=told)

    health = client(respond).health()
    assert abs(health.ahead - datetime.timedelta(minutes=10)) < datetime.timedelta(seconds=5)
    assert (health.version, health.certificate_until, asked) == ("9.9", None, ["/health"])


def test_health_of_a_server_that_is_gone_is_not_repeated() -> None:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ConnectError("")

    assert refusal(client(respond).health).reason.code == "N06" and len(asked) == 1


def test_release_is_the_projects() -> None:
    import tomllib

    from server.business.release import VERSION

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["version"] == VERSION
