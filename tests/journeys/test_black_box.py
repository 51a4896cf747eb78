"""The client as a stranger tries it: by keyboard and accessibility tree alone, on real parts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from hpf_desktop.demo import services
from server import demo_ca
from tests.journeys.stranger import (
    PROJECT,
    Node,
    Stranger,
    ask_bank,
    office,
    stranger,
    with_key,
)

pytestmark = pytest.mark.slow
GOOD_ID, BAD_ID = "110101199003070011", "110101199003070010"
PASTED = (
    "赵明月\t身份证\t110101199003071030\t13800002222\t6000\n"
    "欧阳·木\t身份证\t11010119900307109X\t13800002223\t6,500.50\n"
    "钱一\t身份证\t110101199003071110\t13800002224\t７０００\n"
)
SECOND_OPERATOR = ("王经办", "532301199001010016", "13987800002")
ANSWER_LIMIT_S = 5.0  # of the window to one look at all that it shows
UNANSWERED_MS = 15_000  # longer than the server waits for an answer
RECEIPT_S = 120.0  # The client asks ever more seldom.
MONTHLY_COLUMN = 3
GOOD_NETWORK = "网络：正常"
ISSUED = re.compile(r"回单号 (\d{4}-\d{6})")


@dataclass
class Key:
    """The key in the reader, and who may pull it."""

    process: subprocess.Popen[str]

    def tell(self, command: str) -> None:
        services.tell_key(self.process, command)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[services.Server]:
    with office(tmp_path_factory.mktemp("black-box")) as server:
        yield server


@pytest.fixture
def key(server: services.Server, tmp_path: Path) -> Iterator[Key]:
    with services.key_in_reader(server, tmp_path) as process:
        yield Key(process)


@pytest.fixture
def user(server: services.Server, key: Key, tmp_path: Path) -> Iterator[Stranger]:
    """Before the client that has just been started, the key in the reader."""
    with stranger(server, tmp_path / "desktop") as user:
        yield user


def open_account(user: Stranger, id_number: str = GOOD_ID) -> None:
    """One line of 个人账户设立, typed from the first cell on; the name comes over the clipboard."""
    user.key("ctrl+Home")
    user.type("王小明")
    user.cell_says(0, "姓名", "王小明")
    user.key("Tab", "Tab")
    for text in (id_number, "13800001111", "8000"):
        user.type(text)
        user.key("Tab")
    user.cell_says(0, "月缴存额", "1,920.00")


def test_wrong_pin_says_how_many_tries_are_left(user: Stranger) -> None:
    user.enter_pin("000000")
    assert "还可以输入 2 次" in user.words("密码错误")
    user.log_in()
    assert user.node("status_operator")["name"] == "经办人：李经办"


def test_accounts_typed_and_pasted_are_submitted_and_the_receipt_is_read(user: Stranger) -> None:
    user.log_in()
    open_account(user, BAD_ID)
    assert "第 18 位校验码应为“1”，现为“0”" in user.cell(0, "证件号码")["description"]
    user.key("ctrl+Home", "F8")
    user.cell_has_focus(0, "证件号码")
    user.key("ctrl+z")
    user.cell_says(0, "缴存基数", "")
    user.key("ctrl+y")
    user.cell_says(0, "缴存基数", "8,000.00")
    user.type(GOOD_ID)
    user.key("Return")
    user.cell_says(0, "校验结果", "通过")
    user.key("ctrl+Home", "Down")
    user.copy(PASTED)
    user.key("ctrl+v")
    for row, base in ((1, "6,000.00"), (2, "6,500.50"), (3, "7,000.00")):
        user.cell_says(row, "缴存基数", base)
        user.cell_says(row, "校验结果", "通过")
    user.key("ctrl+Return")
    user.node("approval_dialog")
    assert user.node("summary_行数")["name"] == "4 行"
    user.enter_pin()
    user.node("receipt_dialog")
    number = ISSUED.search(user.words("回单号 "))
    assert number is not None
    user.key("Escape")
    assert number[1] in user.words("已提交 4 行")


def test_person_is_found_by_pinyin_initials(user: Stranger) -> None:
    user.log_in()
    user.go("个人封存")
    user.has_focus("sheet")
    user.type("lgm")
    user.until(lambda _: "林桂明" in user.offers(), "林桂明 among the offers")
    user.key("Down", "Return")
    user.cell_says(0, "姓名", "林桂明")
    user.key("Up", "Right", "Right", "Right")
    user.type("zz")
    user.key("Tab")
    user.cell_says(0, "封存原因", "终止劳动关系")
    user.cell_says(0, "校验结果", "通过")


def test_escape_from_an_editor_stays_in_the_sheet(user: Stranger) -> None:
    user.log_in()
    user.type("abc")
    user.key("Escape")
    user.has_focus("sheet")
    user.type("def")
    user.key("Return")
    user.cell_says(0, "姓名", "def")


def test_key_pulled_hides_every_name_until_its_pin_is_typed_again(user: Stranger, key: Key) -> None:
    user.log_in()
    open_account(user)
    key.tell("pull")
    user.words("窗口已锁定")
    everything = user.look(cells=True, hidden=True)
    assert not [n for n in everything if "王小明" in n["name"] + n["text"] + n["description"]]
    user.key("space", "Return")
    user.words("窗口已锁定")
    key.tell("insert")
    user.enter_pin()
    user.cell_says(0, "姓名", "王小明")
    user.has_focus("sheet")


def test_server_killed_is_said_without_freezing_and_recovered_from(
    user: Stranger, server: services.Server
) -> None:
    user.log_in()
    open_account(user)
    kill_until_it_is_said(user, server)
    user.slowest_s = 0.0
    deadline = time.monotonic() + 60
    while network(user.look()) != GOOD_NETWORK:
        assert time.monotonic() < deadline, "not recovered"
        user.key("F5")
        time.sleep(0.5)
    assert user.slowest_s < ANSWER_LIMIT_S
    user.cell_says(0, "姓名", "王小明")
    user.key("ctrl+s")
    user.words("已保存到服务器")


def test_client_killed_offers_its_rows_again(
    user: Stranger, server: services.Server, tmp_path: Path
) -> None:
    user.log_in()
    open_account(user)
    user.words("草稿已自动保存")
    user.client.kill()
    user.client.wait(10)
    with stranger(server, tmp_path / "desktop") as again:
        again.enter_pin()
        again.words("上次没有办完：1 行")
        again.press("恢复")
        again.cell_says(0, "姓名", "王小明")
        again.cell_says(0, "校验结果", "通过")


def test_client_killed_while_the_bank_is_slow_follows_the_same_debit(
    user: Stranger, server: services.Server, tmp_path: Path
) -> None:
    """Who starts it again sees what is being paid, and waits for it: no second debit."""
    before = debits(server)
    with bank_at_work(server) as let_it_end:
        user.log_in()
        make_up_a_month(user)
        serial = re.search(r"业务流水号 (\d+)", user.words("业务流水号 "))
        assert serial is not None
        user.until(lambda _: debits(server) != before, "the debit at the bank")
        user.client.kill()
        user.client.wait(10)
        with stranger(server, tmp_path / "desktop") as again:
            follow_the_debit(again, serial[1], let_it_end)
    (debit,) = [one for one in debits(server) if one not in before]
    assert (debit["serial"], debit["amount_fen"]) == (serial[1], 300_00)
    with psycopg.connect(server.database) as conn:
        statement = "select count(*), sum(total_fen)::bigint from txn where business = %s"
        assert conn.execute(statement, ("back_payment",)).fetchall() == [(1, 300_00)]
    assert server.books()["balanced"]


@contextmanager
def bank_at_work(server: services.Server) -> Iterator[Callable[[], None]]:
    """The bank does not answer the next debit, and is at it until it is let end: a debit of its
    next day, which begins when its staff say so, not when some time has passed."""
    today = date.fromisoformat(ask_bank(server, "GET", "day"))

    def begin_day(day: date) -> None:
        ask_bank(server, "POST", "day", {"day": str(day)})

    late = {"delay_ms_low": UNANSWERED_MS, "delay_ms_high": UNANSWERED_MS}
    ask_bank(server, "POST", "faults", {"scenario": "next_day", "times": 1} | late)
    try:
        yield lambda: begin_day(today + timedelta(days=1))
    finally:
        ask_bank(server, "DELETE", "faults")
        begin_day(today)  # The centre's day has not ended.


def follow_the_debit(user: Stranger, serial: str, let_it_end: Callable[[], None]) -> None:
    """From the PIN to the receipt; while the bank is at it the page is locked and says why."""
    user.enter_pin()
    user.node("navigation")
    user.go("补缴")
    assert serial in user.words("业务流水号 ")
    user.words("请勿重复提交")
    user.cell_says(0, "姓名", "林桂明")
    user.until(lambda _: user.node("amount")["text"] == "300.00", "the amount in the head")
    assert not [n for n in user.look() if "G02" in n["name"]], "no error about itself"
    user.picture("paying-again")
    assert [stage(user, n) for n in range(5)] == list("✓…○○○")
    user.key("ctrl+Return")  # Locked: nothing more is asked for.
    let_it_end()
    user.until(lambda nodes: "✓ 回单" in {n["name"] for n in nodes}, "the receipt", RECEIPT_S)
    assert ISSUED.search(user.words("回单号 "))
    assert not [n for n in user.look() if n["id"] == "approval_dialog"]
    user.picture("posted")


def make_up_a_month(user: Stranger) -> None:
    """补缴 of one month for one person, by keyboard from the head to the PIN."""
    user.go("补缴")
    user.has_focus("kind")
    user.key("Down", "Tab")
    user.has_focus("method")
    user.key("Down", "Return")
    user.has_focus("sheet")
    user.type("lgm")
    user.until(lambda _: "林桂明" in user.offers(), "林桂明 among the offers")
    user.key("Down", "Tab")
    user.cell_says(0, "姓名", "林桂明")
    user.key("ctrl+Home", *["Right"] * MONTHLY_COLUMN)
    for text in ("300", "2026-05"):
        user.type(text)
        user.key("Tab")
    user.cell_says(0, "合计", "300.00")
    user.key("ctrl+Return")
    user.node("approval_dialog")
    user.enter_pin()


def stage(user: Stranger, number: int) -> str:
    """The mark before one of the payment's stages."""
    return str(user.node(f"payment_stage_{number}")["name"][:1])


def debits(server: services.Server) -> list[dict[str, Any]]:
    return list(ask_bank(server, "GET", "debits"))


def test_manual_opens_at_the_page(user: Stranger) -> None:
    user.log_in()
    user.key("F1")
    user.has_focus("manual_topics")
    chosen = [n for n in user.look(within="manual_topics") if "selected" in n["states"]]
    assert [n["name"] for n in chosen] == ["个人账户设立"]
    user.key("Escape")
    user.has_focus("sheet")


def test_every_control_has_a_name(user: Stranger) -> None:
    user.until(lambda nodes: [n for n in nodes if n["id"] == "pin"], "the login window")
    nameless = nameless_controls(user)
    user.log_in()
    for label in (
        "个人账户设立", "个人封存", "个人启封", "凭证重打", "预缴", "汇缴", "单位下人员明细查询",
        "单位缴存明细查询",
    ):  # fmt: skip
        user.go(label)
        nameless |= nameless_controls(user)
    user.key("ctrl+comma")
    user.node("settings_dialog")
    nameless |= nameless_controls(user)
    assert nameless == set()


@pytest.mark.parametrize("kind", [demo_ca.Kind.P256, demo_ca.Kind.RSA_2048])
def test_another_key_bound_to_the_unit_logs_in(
    kind: demo_ca.Kind, server: services.Server, tmp_path: Path
) -> None:
    name, id_number, phone = SECOND_OPERATOR
    ca = demo_ca.DemoCa(server.ca.parents[2])
    issued = demo_ca.issue_operator(ca, f"another-{kind}", demo_ca.Holder(operator_name=name), kind)
    subprocess.run(
        [sys.executable, "-m", "server", "bind-certificate", str(server.unit_id),
         str(issued.certificate_file), "--name", name, "--id-number", id_number, "--phone", phone],
        cwd=PROJECT, env=os.environ | {"HPF_DATABASE_URL": server.database}, check=True,
        capture_output=True, timeout=30,
    )  # fmt: skip
    with with_key(server, issued, tmp_path) as user:
        user.log_in()
        assert user.node("status_operator")["name"] == f"经办人：{name}"


def test_expired_certificate_is_listed_with_its_reason_and_asks_for_no_pin(
    server: services.Server, tmp_path: Path
) -> None:
    expired = demo_ca.DemoCa(server.ca.parents[2]).operator("expired")
    with with_key(server, expired, tmp_path) as user:
        assert "过期" in user.words("过期")
        rows = [n for n in user.look(within="certificate_list", cells=True) if "过期" in n["name"]]
        assert rows and not any("focusable" in n["states"] for n in rows), "cannot be chosen"
        assert "enabled" not in user.node("pin")["states"]


def nameless_controls(user: Stranger) -> set[tuple[str, str, str]]:
    """Where the keyboard can go without anybody being told what is there."""
    return {
        (n["path"], n["role"], n["id"])
        for n in user.look()
        if "focusable" in n["states"] and n["role"] != "table cell" and not n["name"].strip()
    }


def network(nodes: list[Node]) -> str:
    """What the status bar says of it."""
    return next((n["name"] for n in nodes if n["id"] == "status_network"), "")


def kill_until_it_is_said(user: Stranger, server: services.Server) -> None:
    """It comes back by itself within seconds, which a slow look would miss."""
    killed: set[int] = set()
    deadline = time.monotonic() + 60
    while network(user.look()) in ("", GOOD_NETWORK):
        assert time.monotonic() < deadline, "never said"
        with suppress(FileNotFoundError):  # It is just coming back.
            if (running := server_pid(server)) not in killed:
                os.kill(running, signal.SIGKILL)
                killed.add(running)
        user.key("F5")
        time.sleep(0.2)


def server_pid(server: services.Server) -> int:
    """The running one: it changes whenever the server was killed."""
    return int(json.loads((server.ca.parents[3] / "ready.json").read_text())["pid"])
