"""What anybody may ask of a certificate before the login: its checks, nothing of its holder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server import demo_ca
from server import login as server_login
from server.demo_ca import DemoCa, Issued
from server.enrolment import revoke_certificate
from tests.server.login_hall import Hall, code_of, open_hall, text

GOOD = {"chain": "", "dates": "", "purpose": "", "revocation": "", "binding": ""}


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> DemoCa:
    return demo_ca.make(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def ca(made_once: DemoCa, tmp_path: Path) -> DemoCa:
    return DemoCa(Path(shutil.copytree(made_once.folder, tmp_path / "ca")))


@pytest.fixture
def hall(database: str, ca: DemoCa) -> Iterator[Hall]:
    with open_hall(database, ca) as hall:
        yield hall


def examine(hall: Hall, signer: Issued) -> Any:
    return hall.client.post("/auth/examine", json={"certificate": text(signer.der)})


def test_bound_certificate_passes_every_check(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"), "李经办")
    answer = examine(hall, ca.operator("p256"))
    assert (answer.status_code, answer.json()) == (200, GOOD)
    assert hall.log_in(ca.operator("p256")).status_code == 201, "the answer was true"


def test_unbound_certificate_passes_all_but_the_binding(hall: Hall, ca: DemoCa) -> None:
    assert examine(hall, ca.operator("p256")).json() == GOOD | {"binding": "L06"}


@pytest.mark.parametrize(
    ("name", "check", "code"),
    [
        ("expired", "dates", "L04"),
        ("not-yet-valid", "dates", "L04"),
        ("encryption", "purpose", "L15"),
    ],
)
def test_unfit_certificate_fails_the_check_that_the_login_would_refuse(
    hall: Hall, ca: DemoCa, name: str, check: str, code: str
) -> None:
    hall.bind(ca.operator(name))
    assert examine(hall, ca.operator(name)).json() == GOOD | {check: code}
    assert code_of(hall.log_in(ca.operator(name))) == code


def test_strangers_certificate_is_told_to_be_one_and_nothing_else(hall: Hall, ca: DemoCa) -> None:
    """Bound or not: whoever makes certificates of their own learns nothing by them."""
    hall.bind(ca.operator("other-ca"))
    found = examine(hall, ca.operator("other-ca")).json()
    assert found == dict.fromkeys(GOOD) | {"chain": "L03"}


def test_revoked_certificate_and_undone_binding_are_told(hall: Hall, ca: DemoCa) -> None:
    certificate_id = hall.bind(ca.operator("p256"))
    demo_ca.revoke(ca, ca.operator("p256").certificate)
    assert examine(hall, ca.operator("p256")).json() == GOOD | {"revocation": "L05"}
    hall.run(lambda conn: revoke_certificate(conn, hall.unit_id, certificate_id))
    found = examine(hall, ca.operator("p256")).json()
    assert found == GOOD | {"revocation": "L05", "binding": "L06"}


def test_answer_and_trace_name_nobody(hall: Hall, ca: DemoCa) -> None:
    hall.bind(ca.operator("p256"), "李经办")
    answer = examine(hall, ca.operator("p256"))
    trace = hall.sql("select unit_id, detail::text from audit where action = 'examine'")
    assert [unit for unit, _ in trace] == [0]
    for word in ("李经办", "甲单位", "13800000000", str(hall.unit_id)):
        assert word not in answer.text and word not in trace[0][1]


@pytest.mark.parametrize("raw", [b"no certificate", b"0", bytes(8000)])
def test_what_is_no_certificate_is_refused(hall: Hall, raw: bytes) -> None:
    answer = hall.client.post("/auth/examine", json={"certificate": text(raw)})
    assert code_of(answer) == "L09"


def test_too_many_from_one_address_wait_and_logins_do_not(
    hall: Hall, ca: DemoCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_login, "EXAMINATIONS_FREE", 3)
    hall.bind(ca.operator("p256"))
    answers = [examine(hall, ca.operator("p256")) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert code_of(answers[-1]) == "L08"
    assert hall.log_in(ca.operator("p256")).status_code == 201
