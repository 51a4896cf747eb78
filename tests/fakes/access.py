"""The part of the fake server that knows passwords, pictures and codes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image

from hpf_desktop.answers import Captcha, Examination, Health, Standing
from server.business.access import ASK_CODE, CHANGE, LOGIN, REGISTRATION
from server.business.check import read_fields
from server.business.passwords import weakness
from server.business.refusals import refused
from server.business.release import INTERFACE, VERSION

PASSWORD, SMS_CODE = "Zhuan-7-lan-shu", "135790"
FREE_TRIES = 3
WAIT_S = 40
Texts = Mapping[str, str]


def _png(answer: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (240, 88), tuple(min(ord(c) * 2, 255) for c in answer[:3])).save(out, "PNG")
    return out.getvalue()


class FakeAccess:
    """``password`` is the unit's; none before it is registered. ``wait_s`` stands while waiting."""

    login_kind = "certificate"
    is_out = False  # every session was ended at the server
    idle_left_s, absolute_left_s = 900, 28_800
    # What the server says of its clock, its release and of a certificate before the login.
    ahead, interface, server_until = timedelta(), INTERFACE, datetime(2099, 1, 1, tzinfo=UTC)
    examination = Examination("", "", "", "", "")

    def __init__(self) -> None:
        self.password = ""
        self.picture = ""  # what the last picture showed; empty once it was used
        self.pictures = self.failures = 0
        self.sent: list[Texts] = []  # the facts that codes were asked for
        self.expires_in_s = 120

    def _call(self, name: str) -> None:
        raise NotImplementedError

    def _standing(self) -> Standing:
        raise NotImplementedError

    def health(self) -> Health:
        self._call("health")
        until = self.server_until
        now = datetime.now(UTC) + self.ahead
        return Health(now, VERSION, self.interface, self.ahead, until)

    def examine(self, certificate: bytes) -> Examination:
        self._call("examine")
        assert certificate, "a certificate is examined"
        return self.examination

    def captcha(self) -> Captcha:
        self._call("captcha")
        self.pictures += 1
        self.picture = f"A{self.pictures:03d}".replace("0", "Z")
        return Captcha(_png(self.picture), self.expires_in_s)

    def _spend(self, typed: str) -> None:
        shown, self.picture = self.picture, ""
        if not shown or typed.upper() != shown:
            raise refused("L18")

    def log_in_by_password(self, texts: Texts) -> Standing:
        self._call("log_in_by_password")
        values = read_fields(LOGIN[1:], texts)
        assert texts["unit"], "a password is that of a unit"
        self._spend(values["captcha"])
        self._prove(values["password"], "L17")
        self.login_kind, self.is_out = "password", False
        return self._standing()

    def _prove(self, password: str, code: str) -> None:
        if self.failures >= FREE_TRIES:
            raise refused("L08", seconds=WAIT_S)
        if not self.password or password != self.password:
            self.failures += 1
            raise refused(code)
        self.failures = 0

    def ask_access_code(self, texts: Texts) -> int:
        self._call("ask_access_code")
        values = read_fields(ASK_CODE, texts)
        self._spend(values["captcha"])
        if self.sent:
            raise refused("L20", seconds=WAIT_S)
        self.sent.append(texts)
        return 60

    def register(self, texts: Texts) -> None:
        self._call("register")
        self._set(texts)
        if self.password:
            raise refused("L24")
        self.password = texts["password"]

    def reset_password(self, texts: Texts) -> None:
        self._call("reset_password")
        self._set(texts)
        if not self.password:
            raise refused("L25")
        self.password = texts["password"]

    def _set(self, texts: Texts) -> None:
        values = read_fields(REGISTRATION, texts)
        if why := weakness(values["password"], (texts["unit"], texts["phone"])):
            raise refused("L22", why=why)
        if not self.sent or values["code"] != SMS_CODE:
            raise refused("L23")

    def change_password(self, texts: Texts) -> None:
        self._call("change_password")
        values: dict[str, Any] = read_fields(CHANGE, texts)
        if why := weakness(values["new"], ()):
            raise refused("L22", why=why)
        self._prove(values["old"], "L26")
        self.password, self.is_out = values["new"], True

    def log_out_everywhere(self) -> None:
        self._call("log_out_everywhere")
        self.is_out = True

    def keep(self) -> Standing:
        self._call("keep")
        self.idle_left_s = 900
        return self._standing()
