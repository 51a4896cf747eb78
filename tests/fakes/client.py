"""A server in memory with the client's interface; it checks by the real descriptions."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hpf_desktop.answers import (
    Answer,
    Approval,
    Batch,
    Challenge,
    CheckAnswer,
    Facts,
    Page,
    PaymentProgress,
    PaymentStep,
    Print,
    Saved,
    Standing,
    Unfinished,
)
from server.business.businesses import business_of
from server.business.check import check_batch
from server.business.facts import Due, OtherUnit, Person, Status, Unit, UnitStatus
from server.business.month import Month
from server.business.payment_queries import PAYMENT_PROGRESS
from server.business.queries import query_of
from server.business.refusals import Problem, Refused, problem, refused
from server.business.registration import ONLINE
from tests.fakes.access import FakeAccess

AUDIENCE = "https://fake.example:8443"
SPKI = hashlib.sha256(b"the server's key").digest()
JUNE = Month.of(2026, 6)
DUE_FEN = 12_345_600
Texts = Mapping[str, str]
OTHER_UNIT = 530100000021
# Phones masked, as the server gives them.
REGISTERED = {
    "uscc": "91532300MA6NTEQT85", "legal_person": "王建国", "nature": "05", "fund_source": "0",
    "trustee_bank": "105", "address": "楚雄市鹿城镇彝人古镇 1 号", "postcode": "675000",
    "email": "", "pay_day": "10", "telephone": "0878-3123456", "agent": "李经办",
    "agent_phone": "139****0001", "agent_telephone": "",
}  # fmt: skip
CODE, CODE_AGAIN_S = "135790", 60


def unit(**changes: Any) -> Unit:
    return replace(
        Unit(
            unit_id=532300000123, name="楚雄示例科技有限公司", status=UnitStatus.NORMAL,
            business_day=datetime.date(2026, 7, 15), paid_through=JUNE, unit_ratio=1200,
            personal_ratio=1200, base_low_fen=1_900_00, base_high_fen=30_000_00,
            prepayment_fen=50_000_00, signed_account="建设银行 ****6789", remit_ahead_months=3,
            registration=REGISTERED, registered_online=frozenset(ONLINE),
        ),
        **changes,
    )  # fmt: skip


def people(count: int = 40, unit_id: int = 532300000123) -> dict[int, Person]:
    names = (
        "彭强懿",
        "赵子",
        "陶秀杰",
        "段雨玉",
        "蒋霞",
        "阿依·买买提",
        "许建",
        "𬎆晓龙",
        "杨曦丽",
        "侯静霞",
    )
    found = {}
    for number in range(count):
        account = 100000000000 + number
        base_fen = (4_000 + number * 137) * 100
        month_fen = base_fen * 12 // 100 // 100 * 100
        found[account] = Person(
            account, unit_id, names[number % len(names)],
            Status.SEALED if number % 8 == 7 else Status.NORMAL,
            base_fen, month_fen, month_fen, month_fen * 20, Month.of(2025, 1), None, JUNE,
            id_tail=f"5323**********{number:04d}", phone=f"138****{number:04d}",
        )  # fmt: skip
    return found


class FakeClient(FakeAccess):
    """``fault`` breaks the next call with its code; ``bank`` decides what a payment becomes."""

    def __init__(self, persons: int = 40) -> None:
        super().__init__()
        self.audience = AUDIENCE
        self.own_unit = unit()
        self.persons = people(persons)
        self.elsewhere: dict[str, Person] = {}  # of another unit, by ID number
        self.codes: list[tuple[str, str]] = []  # to whom a code was sent, for which business
        self.batches: dict[str, Batch] = {}
        self.code_of: dict[str, str] = {}  # the business of each batch
        self.submitted: dict[str, tuple[Any, Answer]] = {}
        self.calls: list[str] = []
        self.looks: list[tuple[Any, ...]] = []
        self.fault: dict[str, str | Refused] = {}
        self.loses_answer_of: set[str] = set()
        self.bank = "posted"
        self.payments: dict[str, list[str]] = {}  # the states that each debit went through
        self.debits: dict[str, tuple[str, str, int]] = {}  # business, batch, amount of each
        self.rows_of: dict[str, list[dict[str, Any]]] = {}
        self.reserved: list[tuple[str, str]] = []
        self.counted: list[str] = []
        self.outcomes: list[tuple[str, str, str]] = []
        self.pdf = b""
        self.is_suspended = False
        self.is_closed = False

    def _call(self, name: str) -> None:
        self.calls.append(name)
        fault = self.fault.pop(name, "")
        if isinstance(fault, Refused):
            raise fault
        if fault:
            raise refused(fault)

    # --- Login ---

    def close(self) -> None:
        self.is_closed = True

    def challenge(self) -> Challenge:
        self._call("challenge")
        return Challenge("challenge-1", bytes(32), AUDIENCE, 120, SPKI)

    def log_in(
        self, challenge: Challenge, certificate: bytes, algorithm: str, signature: bytes
    ) -> Standing:
        self._call("log_in")
        assert signature, "a login is signed"
        self.is_suspended = self.is_out = False
        return self._standing()

    def resume(
        self, challenge: Challenge, certificate: bytes, algorithm: str, signature: bytes
    ) -> Standing:
        self._call("resume")
        assert self.is_suspended, "only a suspended session is resumed"
        self.is_suspended = False
        return self._standing()

    def suspend(self) -> None:
        self._call("suspend")
        self.is_suspended = True

    def log_out(self) -> None:
        self._call("log_out")

    def standing(self) -> Standing:
        self._call("standing")
        if self.is_out:
            raise refused("N01")
        return self._standing()

    def _standing(self) -> Standing:
        own = self.own_unit
        return Standing(
            own.unit_id, own.name, "李经办", self.login_kind, self.is_suspended,
            self.idle_left_s, self.absolute_left_s,
        )  # fmt: skip

    # --- The own unit ---

    def facts(self) -> Facts:
        self._call("facts")
        return Facts(self.own_unit, "李经办", self.login_kind, self.persons)

    def unit(self) -> Unit:
        self._call("unit")
        return self.own_unit

    # --- Businesses ---

    def check(self, code: str, head: Texts, rows: Sequence[Texts]) -> CheckAnswer:
        self._call("check")
        checked = self._checked(code, head, rows)
        business = business_of(code).in_force(self.own_unit)
        shown = {
            f.key: f.kind.show(checked.head[f.key]) for f in business.head if f.key in checked.head
        }
        return CheckAnswer(shown, tuple(checked.problems))

    def _checked(self, code: str, head: Texts, rows: Sequence[Texts]) -> Any:
        business = business_of(code)
        due = {}
        until = head.get("until", "")
        if business.payment and business.payment.until and len(until) == 7:
            month = self.own_unit.next_month
            while month <= Month.parse(until):
                due[month] = Due(35, DUE_FEN)
                month = month.plus(1)
        persons: Any = self.persons if business.person_key == "account" else {}
        other = None
        if business.person_key == "id_number":
            persons = self.elsewhere
        elif business.takes_from:
            persons = self.elsewhere | {str(it.account): it for it in self.elsewhere.values()}
            other = OtherUnit(OTHER_UNIT, "原单位", is_open=True, is_paying=False)
        return check_batch(
            business, self.own_unit, head, rows, persons, due, is_server=True, other=other
        )

    def candidates(self, code: str, unit_id: int, sought: Sequence[str]) -> dict[str, Person]:
        self._call("candidates")
        self.looks.append((unit_id, *sought))
        known = self.elsewhere | {str(it.account): it for it in self.elsewhere.values()}
        return {
            text: Person(
                it.account, it.unit_id, f"*{it.name[-1]}", it.status, id_tail=it.id_tail[-4:]
            )
            for text in sought
            if (it := known.get(text)) and it.unit_id == unit_id
        }

    def save_new(self, code: str, head: Texts, rows: Sequence[Texts]) -> Saved:
        self._call("save_new")
        batch_id = str(7001 + len(self.batches))
        self.batches[batch_id] = Batch(batch_id, 1, "saved", dict(head), tuple(rows))
        self.code_of[batch_id] = code
        return Saved(batch_id, 1)

    def save_again(self, code: str, saved: Saved, head: Texts, rows: Sequence[Texts]) -> Saved:
        self._call("save_again")
        kept = self.batches[saved.batch_id]
        if kept.state != "saved":
            raise refused("G11")
        if kept.version != saved.version:
            raise refused("G08")
        version = kept.version + 1
        self.batches[saved.batch_id] = Batch(
            saved.batch_id, version, "saved", dict(head), tuple(rows)
        )
        return Saved(saved.batch_id, version)

    def unfinished(self, code: str) -> tuple[Unfinished, ...]:
        self._call("unfinished")
        return tuple(
            Unfinished(b.batch_id, b.version, b.state, len(b.rows), "2026-07-15T09:30:00", "李经办")
            for b in self.batches.values()
            if b.state != "posted" and self.code_of.get(b.batch_id, code) == code
        )

    def paying(self, code: str) -> Batch | None:
        self._call("paying")
        every = (b for b in self.batches.values() if self.code_of.get(b.batch_id) == code)
        return next((b for b in every if b.state == "paying"), None)

    def load(self, code: str, batch_id: str) -> Batch:
        self._call("load")
        return self.batches[batch_id]

    def discard(self, code: str, batch_id: str, version: int) -> None:
        self._call("discard")
        del self.batches[batch_id]

    def submit(
        self,
        code: str,
        saved: Saved,
        only_passing: bool,
        approval: Approval | None,
        key: str,
        amount_fen: int | None = None,
        codes: Texts = MappingProxyType({}),
    ) -> Answer:
        self._call("submit")
        content = (code, saved, only_passing, approval)
        if key not in self.submitted:
            is_signed = approval is not None
            assert is_signed == (self.login_kind == "certificate"), "a certificate login signs"
            self._use_codes(code, saved, codes)
            answer = self._submitted(code, saved, only_passing)
            if amount_fen not in (None, answer.amount_fen):
                raise refused("H13", now=answer.amount_fen, seen=amount_fen)
            self.submitted[key] = (content, answer)
        first, answer = self.submitted[key]
        if first != content:
            raise refused("G12")
        if "submit" in self.loses_answer_of:
            self.loses_answer_of.discard("submit")
            raise refused("N07")
        return answer

    def send_code(self, code: str, phone: str) -> int:
        self._call("send_code")
        self.codes.append((code, phone))
        return CODE_AGAIN_S

    def _use_codes(self, code: str, saved: Saved, codes: Texts) -> None:
        head = self.batches[saved.batch_id].head
        for spec in business_of(code).codes:
            is_sent = (code, head.get(spec.sent_to, "")) in self.codes
            if spec.sent_to in head and not (is_sent and codes.get(spec.key) == CODE):
                wrong = replace(problem("L19"), key=spec.key)
                raise Refused(problem("G14", count=1), [wrong])

    def _submitted(self, code: str, saved: Saved, only_passing: bool) -> Answer:
        batch, business = self.batches[saved.batch_id], business_of(code)
        checked = self._checked(code, batch.head, batch.rows)
        if checked.errors and not only_passing:
            raise Refused(problem("G14", count=len(checked.errors)), checked.problems)
        bad, rows, left = sorted(checked.bad_rows), batch.rows, None
        if bad:
            left = str(7001 + len(self.batches))
            kept = tuple(rows[row] for row in bad)
            self.batches[left] = Batch(left, 1, "saved", batch.head, kept)
            rows = tuple(row for number, row in enumerate(rows) if number not in bad)
            checked = self._checked(code, batch.head, rows)
        self.batches[saved.batch_id] = replace(batch, rows=rows, state="posted")
        serial = f"2026071500{len(self.submitted) + 1:04d}"
        amount_fen = checked.head[business.payment.amount] if business.payment else 0
        paid_fen = checked.head.get("paid", amount_fen)
        if not paid_fen:
            return Answer("posted", serial, "2026-000001", len(rows), amount_fen, left)
        self.debits[serial] = (code, saved.batch_id, paid_fen)
        self.payments[serial] = ["pending", "sent"]
        self.batches[saved.batch_id] = replace(batch, rows=rows, state="paying")
        self.own_unit = replace(self.own_unit, paying={code: serial})
        if self.bank != "paying":
            self.end_payment(serial, self.bank)
        receipt = "2026-000001" if self.bank == "posted" else None
        why = problem("B10", reason="余额不足") if self.bank == "failed" else None
        count = 0 if self.bank == "paying" else len(rows)
        return Answer(self.bank, serial, receipt, count, amount_fen, left, why)

    def payment(self, serial: str) -> PaymentProgress:
        self._call("payment")
        states = self.payments[serial]
        words = {
            "pending": "已提交", "sent": "银行受理中", "unknown": "银行尚未答复，正在查询",
            "collected": "银行已扣款，正在入账", "posted": "已入账", "failed": "没有扣款",
        }  # fmt: skip
        steps = tuple(
            PaymentStep(f"2026-07-15 09:31:{second:02d}", state, words[state])
            for second, state in enumerate(states)
        )
        why: Problem | None = problem("B10", reason="余额不足") if states[-1] == "failed" else None
        receipt = "2026-000002" if states[-1] == "posted" else None
        code, _, paid_fen = self.debits[serial]
        return PaymentProgress(serial, code, paid_fen, states[-1], receipt, steps, why)

    def end_payment(self, serial: str, state: str) -> None:
        """What the bank has done meanwhile."""
        self.payments[serial] += ["collected", "posted"] if state == "posted" else ["failed"]
        self.own_unit = replace(self.own_unit, paying={})
        _, batch_id, _ = self.debits[serial]
        ended = "posted" if state == "posted" else "saved"
        self.batches[batch_id] = replace(self.batches[batch_id], state=ended)

    # --- Queries and receipts ---

    def query(
        self,
        code: str,
        filters: Texts,
        after: str | None = None,
        limit: int = 200,
        sort: str = "",
    ) -> Page:
        self._call("query")
        query = query_of(code)
        every = self._progress() if code == PAYMENT_PROGRESS.code else self.rows_of.get(code, [])
        rows = [
            row
            for row in every
            if all(
                row["month"] <= text if key == "until" else str(row.get(key, "")) == text
                for key, text in filters.items()
                if key != "parent"
            )
        ]
        if sort:
            key = sort.removeprefix("-")
            rows.sort(key=lambda row: row[key] or 0, reverse=sort.startswith("-"))
            rows.sort(key=lambda row: row[key] is None)
        first = int(after or 0)
        part = rows[first : first + limit]
        following = str(first + limit) if first + limit < len(rows) else None
        if after is not None:
            return Page(tuple(part), following, 0, {})
        totals = {c.key: sum(row[c.key] or 0 for row in rows) for c in query.columns if c.summed}
        return Page(tuple(part), following, len(rows), totals)

    def query_pdf(self, code: str, filters: Texts, sort: str = "") -> bytes:
        self._call("query_pdf")
        return self.pdf

    def _progress(self) -> list[dict[str, Any]]:
        begun = datetime.datetime.now(datetime.UTC).isoformat()
        return [
            {
                "_key": serial, "serial": serial, "kind": code, "amount": paid_fen,
                "state": self.payments[serial][-1], "begun_at": begun, "at": begun,
                "bank_text": None,
            }
            for serial, (code, _, paid_fen) in reversed(self.debits.items())
        ]  # fmt: skip

    def receipt_pdf(self, receipt_no: str, print_id: str = "") -> bytes:
        self._call("receipt_pdf")
        return self.pdf

    def reserve_prints(self, receipts: Sequence[str], printer: str) -> list[Print]:
        self._call("reserve_prints")
        made = []
        for receipt_no in receipts:
            nth = [no for no, _ in self.prints].count(receipt_no)
            self.reserved.append((receipt_no, printer))
            mark = f"第{nth}次补打" if nth else ""
            made.append(Print(receipt_no, f"p{len(self.reserved)}", nth, mark))
        return made

    def count_prints(self, print_ids: Sequence[str], job: str, outcome: str = "") -> None:
        self._call("count_prints")
        if outcome:
            self.outcomes += [(print_id, outcome, job) for print_id in print_ids]
        else:
            self.counted += print_ids

    @property
    def prints(self) -> list[tuple[str, str]]:
        """What counts."""
        return [self.reserved[int(print_id[1:]) - 1] for print_id in self.counted]

    def take_back_prints(self, print_ids: Sequence[str]) -> None:
        self._call("take_back_prints")
        self.counted = [it for it in self.counted if it not in print_ids]
