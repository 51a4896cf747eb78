"""What a form of access asks for, and where on it a refusal belongs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from server.business.access import CAPTCHA, CODE, PHONE
from server.business.base import Field
from server.business.counter_kinds import Secret

AGAIN = Field("again", "确认密码", Secret())
# Where a refusal of the whole belongs: the first of these fields that is asked for.
PLACES = {
    "L17": ("password",),
    "L18": (CAPTCHA.key,),
    "L20": (CODE.key,),
    "L21": (CODE.key,),
    "L22": ("new", "password"),
    "L26": ("old",),
}


@dataclass(frozen=True)
class Asked:
    """``fields`` are sent; ``chosen`` names the new password among them, which is typed twice and
    must not contain ``own``; ``purpose`` is that of a code sent to the phone."""

    fields: Sequence[Field]
    chosen: str = ""
    purpose: str = ""
    own: Collection[str] = ()

    @property
    def on_screen(self) -> list[Field]:
        """A code needs a picture before it; the chosen password comes twice."""
        shown: list[Field] = []
        for field in self.fields:
            if field.key == CODE.key:
                shown += [CAPTCHA, replace(field, sent_to=PHONE.key)]
            else:
                shown.append(field)
        return [*shown, *([AGAIN] if self.chosen else [])]

    def place_of(self, code: str) -> str:
        """The key of its field; empty for what concerns the whole."""
        shown = {field.key for field in self.on_screen}
        return next((key for key in PLACES.get(code, ()) if key in shown), "")
