"""The centre's own account at the sandbox bank: its movements, and the notices that tell them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from sqlite3 import Row
from typing import Annotated

import msgspec

from server.outside.bank_wire import (
    DETAILS_MAX,
    AmountFen,
    Detail,
    DetailsAnswerMessage,
    DetailsMessage,
    Direction,
    Text,
)
from server.outside.sandbox_bank.store import Store

NOTICE_AFTER_S = 0.2  # Ordinarily the answer is there before the notice.
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
NOTICES_AT_ONCE = 8
SIGNED_FEN = "case direction when 'in' then amount_fen else -amount_fen end"


class NoticeTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the centre wants to be told; ``ca_file`` holds the CA that its HTTPS is trusted by."""

    url: str
    ca_file: str = ""


class IncomingMoney(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money that somebody transfers to the centre without being asked."""

    account_no: Text
    holder: Text
    amount_fen: AmountFen
    remark: Text = ""


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the centre's account held before anything that the bank can list."""

    opening_fen: Annotated[int, msgspec.Meta(ge=0, lt=10**15)]


class NoticeState(msgspec.Struct, frozen=True):
    bank_serial: str
    tries: int
    is_told: bool


@dataclass(frozen=True, slots=True)
class Notice:
    number: int
    detail: Detail


class Statement:
    """Written within the caller's transaction; a movement and its notice are one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def balance_fen(self, until: date | None = None) -> int:
        moved = self._store.one(
            f"select coalesce(sum({SIGNED_FEN}), 0) as fen from detail where bank_day <= ?",
            (until or date.max).isoformat(),
        )
        return int(self._store.setting("opening_fen", "0")) + int(moved["fen"])

    def set_opening(self, opening: Opening) -> None:
        self._store.set_setting("opening_fen", str(opening.opening_fen))

    def book(self, detail: Detail, *, after_s: float = NOTICE_AFTER_S, times: int = 1) -> None:
        """Write a movement down; the notice goes out ``after_s`` later, ``times`` times."""
        number = self._store.run(
            "insert into detail (bank_serial, bank_day, direction, amount_fen, account_no, holder,"
            " remark, serial, reverses) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            detail.bank_serial, detail.bank_day.isoformat(), detail.direction, detail.amount_fen,
            detail.account_no, detail.holder, detail.remark, detail.serial, detail.reverses,
        ).lastrowid  # fmt: skip
        if self.target() is not None:
            self._store.run(
                "insert into notice (number, times_left, due_at) values (?, ?, ?)",
                number, times, time.time() + after_s,
            )  # fmt: skip

    def receive(self, money: IncomingMoney) -> Detail:
        count = self._store.one("select coalesce(max(number), 0) as n from detail")["n"]
        day = self._store.day()
        detail = Detail(
            f"SR{day:%Y%m%d}{count + 1:010d}", day, Direction.IN, money.amount_fen,
            money.account_no, money.holder, money.remark,
        )  # fmt: skip
        with self._store.transaction():
            self.book(detail)
        return detail

    def page(self, message: DetailsMessage) -> DetailsAnswerMessage:
        after = int(message.after) if message.after.isdecimal() else 0
        rows = self._store.all(
            "select * from detail where bank_day = ? and number > ? order by number limit ?",
            message.day.isoformat(), after, DETAILS_MAX + 1,
        )  # fmt: skip
        shown = rows[:DETAILS_MAX]
        return DetailsAnswerMessage(
            message.day,
            self.balance_fen(message.day),
            [_detail(row) for row in shown],
            str(shown[-1]["number"]) if len(rows) > len(shown) else "",
        )

    def find(self, bank_serial: str) -> Detail | None:
        row = self._store.find("select * from detail where bank_serial = ?", bank_serial)
        return _detail(row) if row else None

    def target(self) -> NoticeTarget | None:
        text = self._store.setting("notices", "")
        return msgspec.json.decode(text, type=NoticeTarget) if text else None

    def set_target(self, target: NoticeTarget) -> None:
        """Tell movements from now on; an empty URL ends that, and forgets what is still untold."""
        text = msgspec.json.encode(target).decode() if target.url else ""
        with self._store.transaction():
            self._store.set_setting("notices", text)
            if not text:
                self._store.run("update notice set times_left = 0")

    def due_notices(self) -> list[Notice]:
        rows = self._store.all(
            "select detail.* from notice join detail using (number)"
            " where times_left > 0 and due_at <= ? order by due_at limit ?",
            time.time(), NOTICES_AT_ONCE,
        )  # fmt: skip
        return [Notice(row["number"], _detail(row)) for row in rows]

    def tried(self, number: int, *, is_acknowledged: bool) -> None:
        tries = self._store.one("select tries from notice where number = ?", number)["tries"]
        wait_s = 0.0 if is_acknowledged else RETRY_S[min(tries, len(RETRY_S) - 1)]
        self._store.run(
            "update notice set tries = tries + 1, times_left = max(times_left - ?, 0), due_at = ?"
            " where number = ?",
            int(is_acknowledged), time.time() + wait_s, number,
        )  # fmt: skip

    def is_told(self, bank_serial: str) -> bool:
        """Whether nothing is left to be told of a movement."""
        row = self._store.find(
            "select 1 from notice join detail using (number)"
            " where bank_serial = ? and times_left > 0",
            bank_serial,
        )
        return row is None

    def notices(self) -> list[NoticeState]:
        rows = self._store.all(
            "select bank_serial, tries, times_left from notice join detail using (number)"
            " order by number"
        )
        return [NoticeState(row[0], row[1], row[2] == 0) for row in rows]


def _detail(row: Row) -> Detail:
    return Detail(
        row["bank_serial"], date.fromisoformat(row["bank_day"]), Direction(row["direction"]),
        row["amount_fen"], row["account_no"], row["holder"], row["remark"], row["serial"],
        row["reverses"],
    )  # fmt: skip
