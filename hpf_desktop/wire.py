"""One server over HTTPS: a request sent, repeated where that is safe, and its refusal in words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from hpf_desktop.tls import is_untrusted, peer_certificate, spki_sha256, trust
from server.business.month import Month
from server.business.refusals import Problem, Refused, refused

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

CONNECT_LIMIT_S = 5.0
READ_LIMIT_S = 30.0
PAUSES_S = (0.4, 1.5)  # Before the second and the third try of what may be repeated.
BODY_MAX_MB = 64
STATUS_CODES = {401: "N01", 404: "N04", 413: "N02", 429: "N08", 502: "N09", 503: "N09", 504: "N07"}


class _ErrorBody(msgspec.Struct):
    code: str
    text: str
    next_step: str = ""
    problems: list[Problem] = []


class Wire:
    """Threads may share it; the connections and the session's cookie are its own."""

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
            verify=trust(ca_file),
            trust_env=uses_proxy,
            timeout=httpx.Timeout(READ_LIMIT_S, connect=CONNECT_LIMIT_S, pool=10.0),
            limits=httpx.Limits(max_connections=8),
            transport=transport,
        )

    def close(self) -> None:
        self._http.close()

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
        return decode(content, answer) if answer else None  # type: ignore[return-value]

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
        """The answer, and the SHA-256 of the public key of the connection that brought it.

        Never repeated: a challenge is used once, and a signature counts once.
        """
        request = self._request("POST", path, body, None, "", READ_LIMIT_S)
        content, certificate = self._send_once(request)
        return content, spki_sha256(certificate) if certificate else b""

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
        """The body, and the server's certificate on the connection that brought it."""
        import httpx

        try:
            response = self._http.send(request, stream=True)
            try:
                certificate = peer_certificate(response)
                content = response.read()
            finally:
                response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise refused("L10" if is_untrusted(error) else "N06") from None
        except httpx.TransportError:
            raise refused("N07") from None  # Sent, perhaps done, and the answer is lost.
        if not response.is_success:
            raise _refusal(response, content)
        return content, certificate


def origin_of(base_url: str) -> str:
    """``https://host[:port]``; anything that is not HTTPS is refused (N10)."""
    try:
        parts = urlsplit(base_url.strip())
        is_plain = parts.port is None or parts.port > 0
    except ValueError:
        raise refused("N10") from None
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/"):
        raise refused("N10")
    # A name before the host is no host, and a password there would be remembered.
    if not is_plain or "@" in parts.netloc or parts.query or parts.fragment:
        raise refused("N10")
    return f"https://{parts.netloc}"


def _refusal(response: httpx.Response, content: bytes) -> Refused:
    status, wait = response.status_code, response.headers.get("Retry-After", "")
    try:
        body = msgspec.json.decode(content, type=_ErrorBody)
    except msgspec.MsgspecError:
        # Not our server's words: a proxy, or a page in between.
        code = STATUS_CODES.get(status, "N05")
        return refused(code, limit=BODY_MAX_MB, seconds=60, report=f"HTTP {status}")
    reason = Problem(body.code, body.text, body.next_step)
    return Refused(reason, body.problems, int(wait) if wait.isdecimal() else 0)


def decode(content: bytes, answer: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=answer, dec_hook=_month)
    except msgspec.MsgspecError:
        raise refused("N12") from None


def _month(kind: type, value: Any) -> Any:
    if kind is Month:
        return Month.parse(value)
    raise NotImplementedError(kind)
