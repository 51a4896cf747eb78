"""A year of the books, exported and reckoned by programs that are not ours: to the fen."""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from beancount import loader
from beancount.core import realization
from psycopg.conninfo import make_conninfo
from python_calamine import CalamineWorkbook

from server.books import workbook
from server.db import open_pool, transaction

pytestmark = pytest.mark.anyio
Day = datetime.date
PROGRAMS = Path(sys.executable).parent
FORMS = {"books.beancount": "beancount", "books.journal": "hledger"}
each_program = pytest.mark.parametrize("name", FORMS)


def server(url: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "server", *arguments], env=os.environ | {"HPF_DATABASE_URL": url},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def export(url: str, form: str, out: Path, *options: str) -> Path:
    server(url, "export-books", "--format", form, "--out", str(out), *options)
    return out


def checked(out: Path) -> subprocess.CompletedProcess[str]:
    """By the program whose file it is."""
    command = {
        ".beancount": [str(PROGRAMS / "bean-check"), str(out)],
        ".journal": ["hledger", "-f", str(out), "check", "--strict"],
    }[out.suffix]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def closing(url: str, day: str) -> dict[str, int]:
    """The trial balance as the server says it: debit less credit, by account number."""
    *lines, debits, credits = server(url, "trial-balance", "--to", day).splitlines()[2:]
    assert debits.split()[-1] == credits.split()[-1]
    found = {}
    for line in lines:
        cells = line.split()
        found[cells[0]] = fen(cells[-1]) * {"借": 1, "贷": -1, "平": 1}[cells[-2]]
    return found


def fen(text: str) -> int:
    return int(Decimal(text.replace(",", "")) * 100)


def by_hledger(out: Path) -> dict[str, int]:
    listed = subprocess.run(
        ["hledger", "-f", str(out), "balance", "--tree", "--no-elide", "--no-total", "-E",
         "--format", "%(total)|%(account)"],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    pairs = [line.split("|") for line in listed.splitlines()]
    return {
        match[0]: fen(total.replace("CNY", "").strip())
        for total, account in pairs
        if (match := re.match(r"[0-9]{3,5}(?=-)", account.strip()))
    }


def by_beancount(out: Path) -> dict[str, int]:
    entries, errors, _ = loader.load_file(str(out))
    assert errors == []
    found: dict[str, int] = {}
    for account in realization.iter_children(realization.realize(entries)):
        if match := re.match(r"[0-9]{3,5}(?=-)", account.account.rpartition(":")[2]):
            total = realization.compute_balance(account).reduce(lambda p: p.units)
            found[match[0]] = int(sum((p.units.number for p in total), Decimal()) * 100)
    return found


@pytest.fixture(scope="session")
def whole(played_year: str, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all there is, once in each form."""
    folder = tmp_path_factory.mktemp("books")
    url = make_conninfo(postgres, dbname=played_year)
    for name, form in FORMS.items():
        export(url, form, folder / name)
    return folder


def changed(whole: Path, out: Path, change: Callable[[list[str]], None]) -> Path:
    """A copy of the export with other lines."""
    lines = (whole / out.name).read_text("utf-8").splitlines()
    change(lines)
    out.write_text("\n".join(lines) + "\n", "utf-8")
    return out


def add_fen(line: str, more: int) -> str:
    return re.sub(
        r"-?[0-9]+\.[0-9]{2}(?= CNY)", lambda m: f"{(fen(m[0]) + more) / Decimal(100):.2f}", line
    )


@each_program
def test_export_is_proved_by_another_program(whole: Path, name: str) -> None:
    """That the same export with a fen changed is refused is what makes it a proof."""
    done = checked(whole / name)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (whole / name).read_text("utf-8")
    assert len(re.findall("日终余额", text)) > 12
    assert "财务凭证—存款利息收入" in text and "补缴—不定额补缴" in text


@each_program
def test_export_of_some_months_opens_with_what_was_there(
    year: str, tmp_path: Path, name: str
) -> None:
    days = "--from", "2026-05-01", "--to", "2026-10-20"
    out = export(year, FORMS[name], tmp_path / name, *days)
    done = checked(out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"(?m)^2026-04-30 .*期初余额", out.read_text("utf-8"))
    assert not re.search(r"(?m)^2026-(03|11)-\S+ \*", out.read_text("utf-8"))


def test_exports_balance_as_the_trial_balance_does(year: str, whole: Path) -> None:
    expected = closing(year, "2027-01-04")
    assert {"101", "102", "201", "211", "219", "21901", "21902", "311"} <= expected.keys()
    assert expected["401"] == expected["411"] == expected["21904"] == 0
    assert expected["21902"] == -1 and expected["101"] > 0 > expected["201"]
    journal = by_hledger(whole / "books.journal")
    assert {gl: journal.get(gl) for gl in expected} == expected
    beans = by_beancount(whole / "books.beancount")
    assert {gl: beans.get(gl) for gl in expected} == expected


@each_program
@pytest.mark.parametrize("side", ["Assets", "Liabilities"])
def test_export_with_one_amount_changed_is_refused(
    whole: Path, tmp_path: Path, name: str, side: str
) -> None:
    def change(lines: list[str]) -> None:
        amounts = [n for n, line in enumerate(lines) if re.match(rf" +{side}\S+  -?[1-9]", line)]
        number = amounts[len(amounts) // 2]
        lines[number] = add_fen(lines[number], 1)

    assert checked(changed(whole, tmp_path / name, change)).returncode != 0


@each_program
def test_export_in_which_a_fen_went_to_another_person_is_refused(
    whole: Path, tmp_path: Path, name: str
) -> None:
    """Each voucher still balances, and so does account 201."""

    def change(lines: list[str]) -> None:
        start = next(n for n, line in enumerate(lines) if "汇缴" in line)
        persons = [n for n in range(start, start + 12) if "201-" in lines[n]]
        for number, more in zip(persons, (1, -1), strict=False):
            lines[number] = add_fen(lines[number], more)

    assert checked(changed(whole, tmp_path / name, change)).returncode != 0


@each_program
def test_export_names_no_person(year: str, whole: Path, name: str) -> None:
    text = (whole / name).read_text("utf-8")
    with psycopg.connect(year) as conn:
        secrets = conn.execute("select name, id_number, phone from person").fetchall()
    assert len(secrets) > 10
    assert [word for row in secrets for word in row if word in text] == []


def test_red_entries_stay_negative_on_their_own_side(year: str, tmp_path: Path) -> None:
    rows = sheet(export(year, "xlsx", tmp_path / "books.xlsx"), "记账凭证")
    red = [row for row in rows if row[5]]
    assert red
    assert all(float(row[10] or 0) <= 0 and float(row[11] or 0) <= 0 for row in red)
    taken = [row for row in rows if row[4] == "错缴更正" and row[6] == "201"]
    assert [row[10] for row in taken] == [100.01, 100.01]


def sheet(out: Path, name: str) -> list[list[object]]:
    rows = CalamineWorkbook.from_path(str(out)).get_sheet_by_name(name).to_python()
    return rows[1:]


def test_workbook_says_what_the_trial_balance_and_the_vouchers_say(
    year: str, tmp_path: Path
) -> None:
    out = export(year, "xlsx", tmp_path / "books.xlsx", "--to", "2026-12-31")
    balances = {row[0]: row for row in sheet(out, "科目余额表")}
    expected = closing(year, "2026-12-31")
    assert {
        gl: round((row[6] - row[7]) * 100) for gl, row in balances.items() if gl != "合计"
    } == expected
    total = balances["合计"]
    assert total[4] == total[5] > 0 and total[6] == total[7] > 0
    lines = sheet(out, "记账凭证")
    sums = [round(sum(float(line[column] or 0) for line in lines), 2) for column in (10, 11)]
    assert sums == [round(float(total[4]), 2), round(float(total[5]), 2)]
    with psycopg.connect(year) as conn:
        found = conn.execute("select count(*) from entry where biz_day < '2027-01-01'").fetchone()
    assert (sum(1 for line in lines if line[8]),) == found


def test_export_of_a_part_appears_only_when_it_is_whole(year: str, tmp_path: Path) -> None:
    with psycopg.connect(year, autocommit=True) as owner:
        owner.execute("update txn set business = 'nobody_knows' where business = 'correction'")
    done = subprocess.run(
        [sys.executable, "-m", "server", "export-books", "--format", "hledger", "--out",
         str(tmp_path / "books.journal")],
        env=os.environ | {"HPF_DATABASE_URL": year}, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode != 0 and list(tmp_path.iterdir()) == []


async def test_workbook_goes_on_in_another_sheet_when_one_is_full(
    year: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "books.xlsx"
    async with open_pool(year, 1) as pool, transaction(pool) as conn:
        await workbook.write(conn, tmp_path / "one.xlsx", None, Day(2027, 1, 4))
        monkeypatch.setattr(workbook, "SHEET_ROWS_MAX", 101)
        await workbook.write(conn, out, None, Day(2027, 1, 4))
    lines = sheet(tmp_path / "one.xlsx", "记账凭证")
    names = [n for n in CalamineWorkbook.from_path(str(out)).sheet_names if "凭证" in n]
    assert len(names) == len(lines) // 100 + 1 > 3
    assert [line for name in names for line in sheet(out, name)] == lines
