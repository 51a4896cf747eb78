"""The server as Python calls. Every call waits, so none belongs in the GUI thread; no Qt here.

Whatever goes wrong comes out as ``Refused`` with the catalogue's words.
"""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from hpf_desktop.answers import (
    Answer,
    Approval,
    Batch,
    Challenge,
    CheckAnswer,
    Facts,
    Page,
    PaymentProgress,
    Print,
    Saved,
    Standing,
    Unfinished,
)
from server.business.base import Person, Status, Unit
from server.business.month import Month
from server.business.refusals import Problem, Refused, refused

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Texts = Mapping[str, str]

CONNECT_LIMIT_S = 5.0
READ_LIMIT_S = 30.0
BUSINESS_LIMIT_S = 120.0  # A whole batch is checked or posted within one answer.
PAUSES_S = (0.4, 1.5)  # Before the second and the third try of what may be repeated.
BODY_MAX_MB = 64
PERSON_MONTHS = ("from_month", "until_month", "paid_through")
STATUS_CODES = {401: "N01", 404: "N04", 413: "N02", 429: "N08", 502: "N09", 503: "N09", 504: "N07"}


class _ErrorBody(msgspec.Struct):
    code: str
    text: str
    next_step: str = ""
    problems: list[Problem] = []


class _UnitBody(msgspec.Struct):
    unit: Unit
    operator: dict[str, str]


class _PeopleBody(msgspec.Struct):
    columns: list[str]
    rows: list[list[Any]]


class _BatchesBody(msgspec.Struct):
    batches: list[Unfinished]


class Client:
    """One server. Threads may share it; the connections and the session's cookie are its own."""

    def __init__(
        self,
        base_url: str,
        ca_file: Path | None = None,
        uses_proxy: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        import httpx  # Late: it costs a tenth of the start.

        self.audience = origin_of(base_url)
        self._http = httpx.Client(
            base_url=self.audience,
            verify=_trust(ca_file),
            trust_env=uses_proxy,
            timeout=httpx.Timeout(READ_LIMIT_S, connect=CONNECT_LIMIT_S, pool=10.0),
            limits=httpx.Limits(max_connections=8),
            transport=transport,
        )

    def close(self) -> None:
        self._http.close()

    # --- Login ---

    def challenge(self) -> Challenge:
        """Refuses (L10) a challenge that was made for another host: it is never signed."""
        body, spki = self._call_seeing_key("/auth/challenge", {})
        challenge = _decode(body, Challenge)
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

    def suspend(self) -> None:
        self._call("POST", "/auth/suspend", None)

    def log_out(self) -> None:
        self._call("POST", "/auth/logout", None)

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
        return _decode(answer, Standing)

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
    ) -> Answer:
        """``key`` names this submission: whoever lost the answer calls again with the same one.

        With ``amount_fen`` given, any other amount is refused (H13).
        """
        signed = approval and {"algorithm": approval.algorithm, "signature": approval.signature}
        body = {"version": saved.version, "only_passing": only_passing, "approval": signed}
        if amount_fen is not None:
            body["amount_fen"] = amount_fen
        path = f"/batches/{saved.batch_id}/submit"
        return self._business(code, "POST", path, Answer, body, key)

    def payment(self, serial: str) -> PaymentProgress:
        return self._call("GET", f"/api/payments/{serial}", PaymentProgress)

    def _business(
        self, code: str, method: str, path: str, answer: type[T], body: Any = None, key: str = ""
    ) -> T:
        path = f"/api/businesses/{code}{path}"
        return self._call(method, path, answer, body, key=key, limit_s=BUSINESS_LIMIT_S)

    # --- Queries and receipts ---

    def query(self, code: str, filters: Texts, after: int | None = None, limit: int = 200) -> Page:
        params: dict[str, Any] = {key: text for key, text in filters.items() if text}
        params |= {"limit": limit} | ({} if after is None else {"after": after})
        return self._call("GET", f"/api/queries/{code}", Page, params=params)

    def receipt_pdf(self, receipt_no: str, print_id: str = "") -> bytes:
        """The stored bytes; with the ``print_id`` of a reprint they bear its mark."""
        params = {"print_id": print_id} if print_id else {}
        return self._send("GET", f"/api/receipts/{receipt_no}/pdf", params=params)

    def record_print(self, receipt_no: str, printer: str) -> Print:
        path = f"/api/receipts/{receipt_no}/prints"
        return self._call("POST", path, Print, {"printer": printer})

    def record_outcome(self, print_id: str, outcome: str, job: str) -> None:
        self._call("PUT", f"/api/prints/{print_id}", None, {"outcome": outcome, "job": job})

    # --- One request ---

    def _call(
        self,
        method: str,
        path: str,
        answer: type[T] | None,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        key: str = "",
        limit_s: float = READ_LIMIT_S,
    ) -> T:
        content = self._send(method, path, body, params, key, limit_s)
        return _decode(content, answer) if answer else None  # type: ignore[return-value]

    def _send(
        self,
        method: str,
        path: str,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        key: str = "",
        limit_s: float = READ_LIMIT_S,
    ) -> bytes:
        """Repeats what may be repeated: GET, and what has an idempotency key."""
        request = self._request(method, path, body, params, key, limit_s)
        pauses = list(PAUSES_S) if method == "GET" or key else []
        while True:
            try:
                return self._send_once(request)[0]
            except Refused as lost:
                if lost.reason.code not in ("N06", "N07", "N09") or not pauses:
                    raise
                time.sleep(pauses.pop(0))

    def _call_seeing_key(self, path: str, body: Any) -> tuple[bytes, bytes]:
        """Never repeated: a challenge is used once, and a signature counts once."""
        request = self._request("POST", path, body, None, "", READ_LIMIT_S)
        return self._send_once(request)

    def _request(
        self,
        method: str,
        path: str,
        body: Any,
        params: Mapping[str, Any] | None,
        key: str,
        limit_s: float,
    ) -> httpx.Request:
        content = msgspec.json.encode(body) if body is not None else b""
        if len(content) > BODY_MAX_MB * 1024 * 1024:
            raise refused("N02", limit=BODY_MAX_MB)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= {"Idempotency-Key": key} if key else {}
        timeout = {"connect": CONNECT_LIMIT_S, "read": limit_s, "write": limit_s, "pool": 10.0}
        return self._http.build_request(
            method, path, content=content, params=params or None, headers=headers,
            extensions={"timeout": timeout},
        )  # fmt: skip

    def _send_once(self, request: httpx.Request) -> tuple[bytes, bytes]:
        """The body, and the SHA-256 of the public key of the connection that brought it."""
        import httpx

        try:
            response = self._http.send(request, stream=True)
            try:
                spki = _spki_sha256(response)
                content = response.read()
            finally:
                response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise refused("L10" if _is_untrusted(error) else "N06") from None
        except httpx.TransportError:
            raise refused("N07") from None  # Sent, perhaps done, and the answer is lost.
        if not response.is_success:
            raise _refusal(response.status_code, content)
        return content, spki


def origin_of(base_url: str) -> str:
    """``https://host[:port]``; anything that is not HTTPS is refused (N10)."""
    parts = urlsplit(base_url.strip())
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/"):
        raise refused("N10")
    return f"https://{parts.netloc}"


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """The customer's CA alone, or the system's store."""
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError:
        raise refused("N11") from None


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _spki_sha256(response: httpx.Response) -> bytes:
    """Read while the connection is still the response's own; empty for a transport without TLS."""
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    if tls is None:
        return b""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = x509.load_der_x509_certificate(tls.getpeercert(True)).public_key()
    return hashlib.sha256(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).digest()


def _refusal(status: int, content: bytes) -> Refused:
    try:
        body = msgspec.json.decode(content, type=_ErrorBody)
    except msgspec.MsgspecError:
        # Not our server's words: a proxy, or a page in between.
        code = STATUS_CODES.get(status, "N05")
        return refused(code, limit=BODY_MAX_MB, seconds=60, report=f"HTTP {status}")
    return Refused(Problem(body.code, body.text, body.next_step), body.problems)


def _decode(content: bytes, answer: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=answer, dec_hook=_month)
    except msgspec.MsgspecError:
        raise refused("N12") from None


def _month(kind: type, value: Any) -> Any:
    if kind is Month:
        return Month.parse(value)
    raise NotImplementedError(kind)


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
