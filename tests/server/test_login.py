"""Certificate login over HTTP on a real database: the good way, and each refused way."""

from __future__ import annotations

import base64
import hashlib
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server import demo_ca
from server.business.refusals import Refused
from server.business.signed_message import approval_message
from server.certificates import spki_sha256
from server.demo_ca import DemoCa
from server.enrolment import revoke_certificate
from tests.server.login_hall import AUDIENCE, Hall, code_of, open_hall, signature, text


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
