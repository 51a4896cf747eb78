"""What every clerk at the client does: submits, picks a file, reads a list, a message, a sum;
and what the centre does meanwhile."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from hpf_desktop.demo import services
from tests.journeys.stranger import PROJECT, Node, Stranger

ISSUED = re.compile(r"回单号 (\d{4}-\d{6})")
PAYING_S, COMMAND_S = 60.0, 60.0
Line = dict[str, str]


def money(amount_fen: int) -> str:
    return f"{amount_fen // 100:,}.{amount_fen % 100:02d}"


def fen_in(cell: object) -> int:
    assert isinstance(cell, float), "amounts are numbers in a spreadsheet"
    return round(cell * 100)


def code_to(server: services.Server, phone: str) -> str:
    told = server.phone.read_text(encoding="utf-8").splitlines()
    codes = [re.search(r"验证码(\d{6})", line) for line in told if line.startswith(phone)]
    return codes[-1][1] if codes and codes[-1] else ""


def ask_books(server: services.Server, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What the ledger says behind everybody's back."""
    with psycopg.connect(server.database) as conn:
        return conn.execute(statement, values).fetchall()


def counter(server: services.Server, who: str, action: str, **texts: str) -> list[dict[str, str]]:
    """Done by one of the centre's staff, on the counter's own command line."""
    login = {"HPF_STAFF": who, "HPF_STAFF_PASSWORD": server.staff["password"]}
    typed = [word for key, text in texts.items() for word in (f"--{key}", text)]
    told = run_server(server, "counter", "--json", action, *typed, **login)
    return list(json.loads(told)["rows"])


def run_server(server: services.Server, *command: str, **environment: str) -> str:
    """What ``python -m server`` says to it; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "server", *command], cwd=PROJECT, timeout=COMMAND_S, check=False,
        env=os.environ | {"HPF_DATABASE_URL": server.database} | environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def find_person(user: Stranger, row: int, letters: str, name: str) -> None:
    user.type(letters)
    user.until(lambda _: name in user.offers(), f"{name} among the offers")
    user.key("Down", "Tab")
    user.cell_says(row, "姓名", name)


def submit(user: Stranger) -> None:
    """提交, the PIN, and the receipt that comes by itself."""
    user.key("ctrl+Return")
    user.node("approval_dialog")
    user.enter_pin()
    user.until(
        lambda nodes: any(ISSUED.search(n["name"]) for n in nodes), "the receipt", PAYING_S,
        within="receipt_dialog",
    )  # fmt: skip
    user.key("Escape")
    user.until(lambda nodes: not any(n["id"] == "receipt_dialog" for n in nodes), "the page again")


def fill_in_file(user: Stranger, path: Path) -> None:
    user.has_focus("fileNameEdit")
    user.key("ctrl+a")
    user.type(str(path))
    user.key("Return")
    user.until(lambda nodes: not any(n["id"] == "fileNameEdit" for n in nodes), "the file is taken")


def lines_of(nodes: list[Node]) -> list[Line]:
    """The lines of the list on the screen, each by the words over its columns."""
    heads = [n["name"].partition("，")[0] for n in nodes if n["role"] == "table column header"]
    lines: dict[int, Line] = {}
    for cell in (n for n in nodes if n["role"] == "table cell"):
        lines.setdefault(cell["row"], {})[heads[cell["column"]]] = cell["name"]
    return [lines[row] for row in sorted(lines)]


def until_lines(user: Stranger, count: int) -> list[Line]:
    def seen(nodes: list[Node]) -> list[Line]:
        lines = lines_of(nodes)
        return lines if len(lines) == count else []

    return user.until(seen, f"{count} lines", within="rows", cells=True)


def total_of(lines: list[Line], column: str) -> int:
    return sum(fen_of(line[column]) for line in lines)


def fen_of(text: str) -> int:
    return int(re.sub(r"[,.]", "", text))
