"""The sandbox bank's file: one SQLite database that only one process may have open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

CHINA = timezone(timedelta(hours=8))

SCHEMA = """
create table if not exists setting (key text primary key, value text not null);
create table if not exists account (
    account_no text primary key,
    holder text not null,
    balance_fen integer not null check (balance_fen >= 0),
    single_limit_fen integer,
    day_limit_fen integer
);
create table if not exists agreement (agreement text primary key, account_no text not null);
create table if not exists fault (
    fault_id integer primary key autoincrement,
    fault text not null,
    times_left integer
);
create table if not exists transfer (           -- what the centre has asked for
    number integer primary key autoincrement,
    serial text not null unique,
    bank_serial text not null unique,
    digest blob not null,
    direction text not null,                    -- in: a collection; out: a payment
    account_no text not null,
    holder text not null,
    agreement text not null,
    amount_fen integer not null,
    remark text not null,
    scenario text not null,
    state integer not null,
    code text not null,
    bank_day text not null,                     -- received; once settled: booked
    due_at real not null,
    due_day text not null,
    queries_left integer not null
);
create index if not exists transfer_day on transfer (account_no, bank_day);
create index if not exists transfer_due on transfer (due_at) where state = 2;
create table if not exists detail (             -- what moved on the centre's own account
    number integer primary key autoincrement,
    bank_serial text not null unique,
    bank_day text not null,
    direction text not null,
    amount_fen integer not null,
    account_no text not null,
    holder text not null,
    remark text not null,
    serial text not null,
    reverses text not null
);
create index if not exists detail_day on detail (bank_day, number);
create unique index if not exists detail_reversed on detail (reverses) where reverses <> '';
create table if not exists notice (             -- what the centre is told until it acknowledges
    number integer primary key references detail,
    times_left integer not null,
    tries integer not null default 0,
    due_at real not null
);
create index if not exists notice_due on notice (due_at) where times_left > 0;
"""


class Store:
    """The open database, its settings and the bank's day."""

    def __init__(self, path: Path) -> None:
        # Exclusive: a second bank on the same books stops at once instead of sharing them.
        self._db = sqlite3.connect(path, isolation_level=None, timeout=1)
        self._db.row_factory = sqlite3.Row
        for pragma in ("locking_mode = exclusive", "journal_mode = wal", "synchronous = full"):
            self._db.execute(f"pragma {pragma}")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    def run(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._db.execute(statement, values)

    def all(self, statement: str, *values: object) -> list[sqlite3.Row]:
        return self._db.execute(statement, values).fetchall()

    def one(self, statement: str, *values: object) -> Any:
        row = self._db.execute(statement, values).fetchone()
        assert row is not None
        return row

    def find(self, statement: str, *values: object) -> sqlite3.Row | None:
        rows = self.all(statement, *values)
        return rows[0] if rows else None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def setting(self, key: str, default: str) -> str:
        """The value kept under ``key``; ``default`` is kept if there is none."""
        row = self.find("select value from setting where key = ?", key)
        if row is None:
            self.set_setting(key, default)
        return str(row["value"]) if row else default

    def set_setting(self, key: str, value: str) -> None:
        self.run("insert or replace into setting values (?, ?)", key, value)

    def day(self) -> date:
        """The day that was set; until then, the clock's in China."""
        row = self.find("select value from setting where key = 'day'")
        return date.fromisoformat(row["value"]) if row else datetime.now(CHINA).date()
