"""Short messages: a closed table of texts, and an outbox written in the caller's transaction."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from string import Formatter
from typing import Any, Protocol

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

PHONE = re.compile(r"1[3-9]\d{9}")
PARAM_CHARACTERS_MAX = 100
MASK = "******"
SIGNATURE = "【住房公积金】"


@dataclass(frozen=True, slots=True)
class Wording:
    """A text with its parameters in braces; ``secret`` ones are never shown to anybody else."""

    text: str
    secret: frozenset[str] = frozenset()

    @property
    def params(self) -> frozenset[str]:
        return frozenset(name for _, name, _, _ in Formatter().parse(self.text) if name)


class Template(Enum):
    """Every text there is; its name is what the provider's approved template is found by."""

    COLLECTED = Wording(
        "贵单位{business}已于{day}扣款成功，金额{amount}元，业务流水号{serial}，可在网厅打印回单。"
    )
    NOT_COLLECTED = Wording(
        "贵单位{business}扣款失败，金额{amount}元没有扣划，原因：{reason}。请在网厅核对后重新提交。"
    )
    PHONE_CHANGED = Wording(
        "您预留在{unit}的手机号码已于{day}变更为尾号{tail}的号码，业务流水号{serial}。"
        "如非本人意愿，请尽快联系单位或住房公积金中心。"
    )
    CODE = Wording(
        "您正在办理{purpose}，验证码{code}，{minutes}分钟内有效。请勿告诉他人，中心不会索取。",
        frozenset({"code"}),
    )
    TAKEN_BACK = Wording(
        "银行冲正了贵单位{business}的款项，金额{amount}元，业务流水号{serial}，中心已于{day}作冲正处理。"
        "请在网厅核对后重新办理。"
    )
    TAKEN_BACK_OPEN = Wording(
        "银行冲正了贵单位{business}的款项，金额{amount}元，业务流水号{serial}，中心已于{day}挂账核对。"
        "请勿重复缴款，并与中心联系。"
    )


class Sms(Protocol):
    async def send(
        self, phone: str, template: Template, params: Mapping[str, str], business_id: str
    ) -> str:
        """Send one message, and return its id.

        The same template for the same ``business_id`` is sent once; a repeat gets the first id.
        """


@dataclass(frozen=True, slots=True)
class Outbox:
    """Messages that leave when, and only if, the transaction of ``connection`` is committed.

    A number that is no mobile phone's makes a failed message, not an error: a notice must not
    undo the business that it tells of.
    """

    connection: AsyncConnection[Any]

    async def send(
        self, phone: str, template: Template, params: Mapping[str, str], business_id: str
    ) -> str:
        state = "failed" if PHONE.fullmatch(phone) is None else "waiting"
        found = await self.connection.execute(
            "insert into sms_outbox"
            " (message_id, business_id, template, phone, params, masked_text, state)"
            " values (%s, %s, %s, %s, %s, %s, %s)"
            " on conflict (business_id, template) do update set message_id = sms_outbox.message_id"
            " returning message_id",
            (
                secrets.token_hex(16), business_id, template.name, phone, Jsonb(dict(params)),
                shown_text(template, params), state,
            ),
        )  # fmt: skip
        row = await found.fetchone()
        assert row is not None
        return str(row[0])


def full_text(template: Template, params: Mapping[str, str]) -> str:
    """The message as the phone gets it."""
    wording = template.value
    assert set(params) == wording.params, f"{template.name} takes {sorted(wording.params)}"
    # Shortened, not refused: the bank's reason may be as long as it likes.
    short = {name: " ".join(value.split())[:PARAM_CHARACTERS_MAX] for name, value in params.items()}
    return SIGNATURE + wording.text.format_map(short)


def shown_text(template: Template, params: Mapping[str, str]) -> str:
    """The message as others may see it, in the outbox and on its page."""
    hidden = {name: MASK if name in template.value.secret else params[name] for name in params}
    return full_text(template, hidden)
