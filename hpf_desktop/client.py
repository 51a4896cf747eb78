"""The server as Python calls. Every call waits, so none belongs in the GUI thread; no Qt here.

Whatever goes wrong comes out as ``Refused`` with the catalogue's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from hpf_desktop.answers import (
    Answer,
    Approval,
    Batch,
    Candidate,
    Captcha,
    Challenge,
    CheckAnswer,
    Examination,
    Facts,
    Health,
    Page,
    PaymentProgress,
    Print,
    Saved,
    Standing,
    Unfinished,
)
from hpf_desktop.tls import valid_until
from hpf_desktop.wire import Wire, decode
from server.business.facts import Person, Status, Unit
from server.business.month import Month
from server.business.refusals import refused

T = TypeVar("T")
Texts = Mapping[str, str]

HEALTH_LIMIT_S = 8.0
BUSINESS_LIMIT_S = 120.0  # A whole batch is checked or posted within one answer.
PERSON_MONTHS = ("from_month", "until_month", "start_month", "paid_through")


class _UnitBody(msgspec.Struct):
    unit: Unit
    operator: dict[str, str]


class _PeopleBody(msgspec.Struct):
    columns: list[str]
    rows: list[list[Any]]


class _CandidatesBody(msgspec.Struct):
    candidates: list[Candidate]


class _BatchesBody(msgspec.Struct):
    batches: list[Unfinished]


class _PrintsBody(msgspec.Struct):
    prints: list[Print]


class _CodeBody(msgspec.Struct):
    again_in_s: int


class Client(Wire):
    """What a window asks of the server, each by its name."""

    # --- Before the login ---

    def health(self) -> Health:
        """Tried once, in little time: whoever asks wants to know how it is now."""
        asked_at = datetime.now(UTC)
        request = self._request("GET", "/health", None, None, "", HEALTH_LIMIT_S)
        content, certificate = self._send_once(request)
        found = decode(content, Health)
        middle = asked_at + (datetime.now(UTC) - asked_at) / 2
        until = valid_until(certificate) if certificate else None
        return replace(found, ahead=found.time - middle, certificate_until=until)

    def examine(self, certificate: bytes) -> Examination:
        """What a login with it would meet; nothing is signed, and no try is used up."""
        return self._call("POST", "/auth/examine", Examination, {"certificate": certificate})

    # --- Login ---

    def challenge(self) -> Challenge:
        """Refuses (L10) a challenge that was made for another host: it is never signed."""
        body, spki = self._call_seeing_key("/auth/challenge", {})
        challenge = decode(body, Challenge)
        if challenge.audience != self.audience:
            raise refused("L10")
        return replace(challenge, server_spki_sha256=spki)

    def log_in(
        self, challenge: Challenge, certificate: bytes, algorithm: str, signature: bytes
    ) -> Standing:
        return self._present("/auth/login", challenge, certificate, algorithm, signature)

    def resume(
        self, challenge: Challenge, certificate: bytes, algorithm: str, signature: bytes
    ) -> Standing:
        """Goes on with a session that was suspended when its key was removed."""
        return self._present("/auth/resume", challenge, certificate, algorithm, signature)

    def captcha(self) -> Captcha:
        """A picture for this client's cookie; the one before is void."""
        return self._call("POST", "/auth/captcha", Captcha, {})

    def log_in_by_password(self, texts: Texts) -> Standing:
        return self._call("POST", "/auth/password/login", Standing, texts)

    def ask_access_code(self, texts: Texts) -> int:
        """The seconds until another may be asked for, whether or not one was sent."""
        return self._call("POST", "/auth/password/code", _CodeBody, texts).again_in_s

    def register(self, texts: Texts) -> None:
        self._call("POST", "/auth/password/register", None, texts)

    def reset_password(self, texts: Texts) -> None:
        self._call("POST", "/auth/password/reset", None, texts)

    def change_password(self, texts: Texts) -> None:
        """Ends every session of the operator, this one too."""
        self._call("POST", "/auth/password/change", None, texts)

    def suspend(self) -> None:
        self._call("POST", "/auth/suspend", None)

    def log_out(self) -> None:
        self._call("POST", "/auth/logout", None)

    def log_out_everywhere(self) -> None:
        self._call("POST", "/auth/logout-everywhere", None, {})

    def keep(self) -> Standing:
        """The operator is at work, though nothing else was asked of the server."""
        return self._call("POST", "/auth/keep", Standing, {})

    def standing(self) -> Standing:
        """Does not count as activity, so that it may be asked at any time."""
        return self._call("GET", "/auth/session", Standing)

    def _present(
        self, path: str, challenge: Challenge, certificate: bytes, algorithm: str, signature: bytes
    ) -> Standing:
        body = {
            "challenge_id": challenge.challenge_id,
            "algorithm": algorithm,
            "certificate": certificate,
            "server_spki_sha256": challenge.server_spki_sha256,
            "signature": signature,
        }
        answer, spki = self._call_seeing_key(path, body)
        if spki != challenge.server_spki_sha256:
            self._http.cookies.clear()
            raise refused("L10")
        return decode(answer, Standing)

    # --- The own unit ---

    def facts(self) -> Facts:
        found = self._call("GET", "/api/unit", _UnitBody)
        people = self._call("GET", "/api/people", _PeopleBody)
        persons = _persons(people, found.unit.unit_id)
        name, kind = found.operator.get("name", ""), found.operator.get("login_kind", "")
        return Facts(found.unit, name, kind, persons)

    def unit(self) -> Unit:
        return self._call("GET", "/api/unit", _UnitBody).unit

    # --- Businesses ---

    def check(self, code: str, head: Texts, rows: Sequence[Texts]) -> CheckAnswer:
        """The server's own check; nothing is changed."""
        body = {"head": head, "rows": rows}
        return self._business(code, "POST", "/check", CheckAnswer, body)

    def candidates(self, code: str, unit_id: int, sought: Sequence[str]) -> dict[str, Person]:
        """Who of another unit may be taken by a whole number; names and ID numbers are covered."""
        body = {"from_unit": str(unit_id), "sought": sought}
        found = self._business(code, "POST", "/candidates", _CandidatesBody, body).candidates
        return {
            it.sought: Person(it.account, unit_id, it.name, Status(it.status), id_tail=it.id_tail)
            for it in found
        }

    def save_new(self, code: str, head: Texts, rows: Sequence[Texts]) -> Saved:
        return self._business(code, "POST", "/batches", Saved, {"head": head, "rows": rows})

    def save_again(self, code: str, saved: Saved, head: Texts, rows: Sequence[Texts]) -> Saved:
        """Refuses with G08 when somebody saved another version in between."""
        body = {"version": saved.version, "head": head, "rows": rows}
        return self._business(code, "PUT", f"/batches/{saved.batch_id}", Saved, body)

    def unfinished(self, code: str) -> tuple[Unfinished, ...]:
        return tuple(self._business(code, "GET", "/batches", _BatchesBody).batches)

    def load(self, code: str, batch_id: str) -> Batch:
        return self._business(code, "GET", f"/batches/{batch_id}", Batch)

    def paying(self, code: str) -> Batch | None:
        """The batch that waits for the bank; there is one at most."""
        waiting = (b.batch_id for b in self.unfinished(code) if b.state == "paying")
        batch_id = next(waiting, None)
        return self.load(code, batch_id) if batch_id else None

    def discard(self, code: str, batch_id: str, version: int) -> None:
        params = {"version": version}
        self._call("DELETE", f"/api/businesses/{code}/batches/{batch_id}", None, params=params)

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
        """``key`` names this submission: whoever lost the answer calls again with the same one.

        With ``amount_fen`` given, any other amount is refused (H13). ``codes`` were sent to phones.
        """
        signed = approval and {"algorithm": approval.algorithm, "signature": approval.signature}
        body = {"version": saved.version, "only_passing": only_passing, "approval": signed}
        if amount_fen is not None:
            body["amount_fen"] = amount_fen
        if codes:
            body["codes"] = dict(codes)
        path = f"/batches/{saved.batch_id}/submit"
        return self._business(code, "POST", path, Answer, body, key)

    def send_code(self, code: str, phone: str) -> int:
        """The seconds until another one may be sent for this business to this phone."""
        body = {"business": code, "phone": phone}
        return self._call("POST", "/api/sms-codes", _CodeBody, body).again_in_s

    def payment(self, serial: str) -> PaymentProgress:
        return self._call("GET", f"/api/payments/{serial}", PaymentProgress)

    def _business(
        self, code: str, method: str, path: str, answer: type[T], body: Any = None, key: str = ""
    ) -> T:
        path = f"/api/businesses/{code}{path}"
        return self._call(method, path, answer, body, key=key, limit_s=BUSINESS_LIMIT_S)

    # --- Queries and receipts ---

    def query(
        self,
        code: str,
        filters: Texts,
        after: str | None = None,
        limit: int = 200,
        sort: str = "",
    ) -> Page:
        """``sort`` is a column's key, after a minus from the greatest to the least."""
        params = _asked(filters, sort) | {"limit": str(limit)}
        params |= {} if after is None else {"after": after}
        return self._call("GET", f"/api/queries/{code}", Page, params=params)

    def query_pdf(self, code: str, filters: Texts, sort: str = "") -> bytes:
        """All rows on paper; refused (N16) when they are too many for that."""
        return self._send("GET", f"/api/queries/{code}/pdf", params=_asked(filters, sort))

    def receipt_pdf(self, receipt_no: str, print_id: str = "") -> bytes:
        """The stored bytes; with the ``print_id`` of a reprint they bear its mark."""
        params = {"print_id": print_id} if print_id else {}
        return self._send("GET", f"/api/receipts/{receipt_no}/pdf", params=params)

    def reserve_prints(self, receipts: Sequence[str], printer: str) -> list[Print]:
        """One printing of each, all or none, with what its paper bears; not counted yet."""
        body = {"receipts": receipts, "printer": printer}
        return self._call("POST", "/api/prints", _PrintsBody, body).prints

    def count_prints(self, print_ids: Sequence[str], job: str, outcome: str = "") -> None:
        """A queue has their job; later, with ``outcome``, how it ended."""
        body = {"print_ids": print_ids, "job": job, "outcome": outcome}
        self._call("PUT", "/api/prints", None, body)

    def take_back_prints(self, print_ids: Sequence[str]) -> None:
        """Their job left the queue before it began: they do not count."""
        self._call("POST", "/api/prints/not-printed", None, {"print_ids": print_ids})


def _asked(filters: Texts, sort: str) -> dict[str, str]:
    found = {key: text for key, text in filters.items() if text}
    return found | ({"sort": sort} if sort else {})


def _persons(people: _PeopleBody, unit_id: int) -> dict[int, Person]:
    """By account number. Months repeat, so each text is parsed once."""
    months: dict[str, Month] = {}
    persons = {}
    for row in people.rows:
        values = dict(zip(people.columns, row, strict=True))
        for key in PERSON_MONTHS:
            if (text := values[key]) is not None:
                values[key] = months.get(text) or months.setdefault(text, Month.parse(text))
        values["status"] = Status(values["status"])
        person = Person(unit_id=unit_id, **values)
        persons[person.account] = person
    return persons
