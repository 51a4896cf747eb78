"""The demo as a new user runs it, and the server killed behind the window."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hpf_desktop.demo import services
from tests.journeys.conftest import PROJECT

pytestmark = pytest.mark.slow
EXPECTED = {
    ("证件号码", "V09"), ("证件号码", "K01"), ("证件号码", "K10A"), ("缴存基数", "K08"),
    ("缴存基数", "V02"), ("起缴年月", "K09"), ("起缴年月", "V03"), ("手机号码", "V07"),
    ("姓名", "K11"), ("证件号码", "G07"), ("证件号码", "K03A"), ("证件号码", "K03B"),
    ("证件号码", "K04A"), ("证件号码", "K04B"), ("证件号码", "V01"), ("姓名", "V01"),
}  # fmt: skip


@pytest.fixture(scope="module")
def database_root() -> Iterator[Path]:
    """Where PostgreSQL's own user can get to, and nothing is left."""
    root = Path(tempfile.mkdtemp(prefix="hpf-demo-", dir="/var/tmp"))
    root.chmod(0o755)
    yield root
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, database_root: Path) -> Path:
    """What one run without a screen leaves."""
    folder = tmp_path_factory.mktemp("demo")
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "QT_QPA_PLATFORM")}
    environment |= {
        "PYTHONPATH": str(PROJECT),
        "HPF_DEMO_DATABASE": str(database_root / "once"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "hpf_desktop.demo", "--out", str(folder)],
        cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


def test_demo_names_every_trouble_at_its_cell(out: Path) -> None:
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert {(r["column"], r["code"]) for r in summary["refused"]} == EXPECTED
    assert all(r["row"] >= 1 and r["text"] for r in summary["refused"])


def test_demo_leaves_books_that_other_programs_prove(out: Path) -> None:
    beans = [str(Path(sys.executable).parent / "bean-check"), str(out / "books.beancount")]
    hledger = ["hledger", "-f", str(out / "books.journal"), "check", "--strict"]
    for command in (beans, hledger):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "books.xlsx").stat().st_size > 5000


def test_demo_books_balance_and_every_step_has_its_receipt(out: Path) -> None:
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    ledger = summary["ledger"]
    assert ledger["balanced"] and ledger["101"] == ledger["201"] + ledger["219"] > 0
    printed = [step for step in summary["steps"] if step["pdf_file"]]
    assert [step["name"].split("（")[0] for step in printed] == [
        "提交通过的行", "个人封存", "个人启封", "预缴", "汇缴", "补缴", "凭证重打",
    ]  # fmt: skip
    for step in printed:
        text = subprocess.run(
            ["pdftotext", "-layout", str(out / step["pdf_file"]), "-"],
            capture_output=True, text=True, check=True, timeout=30,
        ).stdout  # fmt: skip
        assert step["receipt_number"] in text and summary["unit"]["name"] in text
        assert ("第1次补打" in text) == (step["name"] == "凭证重打")


def test_demo_day_ends_with_books_and_bank_alike(out: Path) -> None:
    """To the fen, and nothing that only one of them has."""
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    table = summary["reconciliation"]
    assert table["day"] == summary["unit"]["business_day"]
    assert {line["kind"] for line in table["lines"]} == {"两清"} and len(table["lines"]) == 3
    assert table["银行存款日记账余额"] == table["银行对账单余额"] == summary["ledger"]["101"]
    assert table["银行期初余额"] == 0 and table["balanced"]


def test_demo_leaves_a_picture_of_each_step(out: Path) -> None:
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert all((out / step["picture"]).stat().st_size > 10_000 for step in summary["steps"])


def test_demo_server_killed_comes_back_with_its_books(
    tmp_path: Path, database_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPF_DEMO_DATABASE", str(database_root / "killed"))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    with services.server(tmp_path / "server") as running:
        before = running.books()
        os.kill(running.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{running.url}/health", verify=False, timeout=2).raise_for_status()  # noqa: S501
                break
            except httpx.HTTPError:
                assert time.monotonic() < deadline, "the server did not come back"
                time.sleep(0.2)
        assert running.books() == before and before["balanced"]


def test_demo_banks_day_goes_with_the_centres(
    tmp_path: Path, database_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after day end is on the same day on both sides."""
    monkeypatch.setenv("HPF_DEMO_DATABASE", str(database_root / "days"))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    with services.server(tmp_path / "server") as running:
        admin = f"{running.bank['url']}/admin"
        headers = {"Authorization": f"Bearer {running.bank['admin_token']}"}
        with httpx.Client(headers=headers, timeout=10) as staff:
            days = [until_day(staff, f"{admin}/day", "2026-07-20")]
            running.end_day()
            days.append(until_day(staff, f"{admin}/day", "2026-07-21"))
            money = {"account_no": "6222", "holder": "某公司", "amount_fen": 77, "remark": ""}
            staff.post(f"{admin}/receive", json=money).raise_for_status()
        assert days == ["2026-07-20", "2026-07-21"]
        running.end_day()
        table = running.reconcile()
        (line,) = table["lines"]
        assert (table["day"], line["note"]) == ("2026-07-21", "已挂暂收")
        assert line["bank_fen"] == line["book_fen"] == 77 and table["balanced"]
        assert running.books()["balanced"]


def until_day(staff: httpx.Client, url: str, wanted: str) -> str:
    deadline = time.monotonic() + 10
    while (day := str(staff.get(url).json())) != wanted:
        assert time.monotonic() < deadline, f"the bank stays at {day}"
        time.sleep(0.1)
    return day
