"""Who is working here, and everything that needs their certificate key or their password.

The functions that use the key wait for it and must not be called in the GUI thread.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hpf_desktop.cert.problems import KeyProblem
from server.business.refusals import Refused
from server.business.signed_message import approval_message, login_message

if TYPE_CHECKING:
    from hpf_desktop.answers import Approval, Challenge, Facts, Standing
    from hpf_desktop.cert.call import Call
    from hpf_desktop.cert.certificates import KeyCertificate
    from hpf_desktop.cert.sign_in import Signed
    from hpf_desktop.cert.token import CardReaders
    from hpf_desktop.client import Client

Texts = Mapping[str, str]
CERTIFICATE_LOGIN = "certificate"


@dataclass(frozen=True)
class Document:
    """What is submitted, as it was typed and saved; ``key`` names the one submission of it."""

    business_code: str
    head: Texts
    rows: Sequence[Texts]
    only_passing: bool
    key: str
    amount_fen: int | None = None  # what a paying business comes to, as the operator was shown


@dataclass(frozen=True)
class PinEntry:
    """What one press of 确定 gives: the PIN is wiped by its use."""

    certificate: KeyCertificate
    pin: bytearray = field(repr=False)
    call: Call
    last_try_confirmed: bool = False


class Session:
    """One operator at one server. Its certificate and facts change only in the GUI thread."""

    def __init__(self, client: Client, open_readers: Callable[[], CardReaders]) -> None:
        self.client = client
        self.open_readers = open_readers
        self.certificate: KeyCertificate | None = None
        self.standing: Standing | None = None
        self.facts: Facts | None = None
        self._server_spki = b""
        # A late answer to locking must not take the cookie that unlocking has just brought.
        self._turn = threading.Lock()

    @property
    def needs_key(self) -> bool:
        """A session that was opened by password has no key: none to sign with, none to pull."""
        assert self.standing is not None, "nobody is logged in"
        return self.standing.login_kind == CERTIFICATE_LOGIN

    def log_in_by_password(self, texts: Texts) -> Standing:
        """Also to go on after the window was locked, which ended the session at the server."""
        with self._turn:
            return self.client.log_in_by_password(texts)

    def lock(self) -> None:
        """Whoever holds the cookie alone can do nothing more. Never refuses."""
        with self._turn, suppress(Refused):
            if self.needs_key:
                self.client.suspend()
            else:
                self.client.log_out()

    def log_in(self, entry: PinEntry) -> Standing | KeyProblem:
        return self._present(entry, self.client.log_in)

    def reopen(self, entry: PinEntry) -> Standing | KeyProblem:
        """Goes on after the key was away: the suspended session, or a new one if that has ended."""
        try:
            self.client.suspend()
            self.client.standing()
        except Refused as ended:
            if ended.reason.code != "N01":
                raise
            return self.log_in(entry)
        return self._present(entry, self.client.resume)

    def approve(self, entry: PinEntry, document: Document) -> Approval | KeyProblem:
        """The operator's signature under exactly this document."""
        # Late, like everything here that the first window can be painted without.
        from hpf_desktop.answers import Approval
        from server.business.document import document_sha256

        assert self.standing is not None, "nobody is logged in"
        digest = document_sha256(
            document.business_code,
            self.standing.unit_id,
            document.head,
            document.rows,
            document.only_passing,
            document.amount_fen,
        )
        message = approval_message(
            self.client.audience,
            document.key,
            digest,
            self._server_spki,
            hashlib.sha256(entry.certificate.der).digest(),
        )
        signed = self._sign(entry, message)
        if isinstance(signed, KeyProblem):
            return signed
        return Approval(signed.algorithm.value, signed.signature)

    def log_out(self) -> None:
        """Never refuses: the server ends the session by itself later."""
        with suppress(Refused):
            self.client.log_out()

    def _present(
        self,
        entry: PinEntry,
        send: Callable[[Challenge, bytes, str, bytes], Standing],
    ) -> Standing | KeyProblem:
        challenge = self.client.challenge()
        message = login_message(
            challenge.audience,
            challenge.nonce,
            challenge.challenge_id,
            challenge.server_spki_sha256,
            hashlib.sha256(entry.certificate.der).digest(),
        )
        signed = self._sign(entry, message)
        if isinstance(signed, KeyProblem):
            return signed
        standing = send(challenge, entry.certificate.der, signed.algorithm.value, signed.signature)
        self._server_spki = challenge.server_spki_sha256
        return standing

    def _sign(self, entry: PinEntry, message: bytes) -> Signed | KeyProblem:
        from hpf_desktop.cert.sign_in import sign  # Late: it brings the cryptography package.

        return sign(
            self.open_readers,
            entry.certificate,
            entry.pin,
            message,
            entry.call,
            entry.last_try_confirmed,
        )
