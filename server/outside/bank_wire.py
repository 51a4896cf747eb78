"""What crosses the wire between the centre and the bank: messages, codes and signatures."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec

COLLECT, QUERY = "/collect", "/query"
TIME_HEADER, SERIAL_HEADER, SIGNATURE_HEADER = "x-bank-time", "x-bank-serial", "x-bank-signature"
# The bank refuses a request older or newer than this, so a lost one cannot turn up much later.
FRESH_S = 60.0
ANSWER_BYTES_MAX = 64 * 1024

Serial = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z-]{1,40}$")]
Text = Annotated[str, msgspec.Meta(max_length=200)]
AmountFen = Annotated[int, msgspec.Meta(gt=0, lt=10**15)]


class BankCode(StrEnum):
    """The bank's return codes, 0–2; 9 are what our own side says when there is no answer."""

    SUCCESS = "00000"
    INSUFFICIENT_FUNDS = "10001"
    ACCOUNT_UNKNOWN = "10002"
    UNSIGNED = "10003"
    OVER_SINGLE_LIMIT = "10004"
    OVER_DAY_LIMIT = "10005"
    CUT_OFF = "10006"
    NOT_A_WORKING_DAY = "10007"
    HOST_FAILED = "10008"
    MALFORMED = "10009"
    PROCESSING = "20001"
    NO_SUCH_SERIAL = "20002"
    SERIAL_REUSED = "20003"
    NOT_CONNECTED = "90001"
    TIMED_OUT = "90002"
    BROKEN_OFF = "90003"
    UNREADABLE = "90004"
    FORGED = "90005"
    MISMATCHED = "90006"
    TURNED_AWAY = "90007"


BANK_TEXTS: dict[BankCode, str] = {
    BankCode.SUCCESS: "交易成功",
    BankCode.INSUFFICIENT_FUNDS: "付款账户余额不足",
    BankCode.ACCOUNT_UNKNOWN: "付款账户不存在或户名不符",
    BankCode.UNSIGNED: "未签约扣款，或协议已失效",
    BankCode.OVER_SINGLE_LIMIT: "超过单笔扣款限额",
    BankCode.OVER_DAY_LIMIT: "超过当日累计扣款限额",
    BankCode.CUT_OFF: "银行正在日切，已停止受理",
    BankCode.NOT_A_WORKING_DAY: "非工作日，银行不受理",
    BankCode.HOST_FAILED: "银行主机处理失败，没有扣款",
    BankCode.MALFORMED: "报文有误，银行没有受理",
    BankCode.PROCESSING: "银行正在处理",
    BankCode.NO_SUCH_SERIAL: "银行没有该笔交易",
    BankCode.SERIAL_REUSED: "流水号已用于另一笔交易",
    BankCode.NOT_CONNECTED: "连接不上银行，请求没有发出",
    BankCode.TIMED_OUT: "银行没有在时限内答复",
    BankCode.BROKEN_OFF: "与银行的连接中断",
    BankCode.UNREADABLE: "银行的应答无法识别",
    BankCode.FORGED: "银行应答的签名不符",
    BankCode.MISMATCHED: "银行的应答与请求不符",
    BankCode.TURNED_AWAY: "银行没有接受请求的签名或时间",
}


class CollectMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """102 单笔收款: debit the payer, under the agreement, into the centre's account."""

    serial: Serial
    amount_fen: AmountFen
    holder: Text
    account_no: Text
    bank_code: Text
    bank_name: Text
    agreement: Text
    remark: Text


class QueryMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """110 交易结果查询."""

    serial: Serial


class AnswerMessage(msgspec.Struct, frozen=True):
    """The bank's answer to either. ``state``: 0 成功, 1 失败, 2 处理中, 3 查无此交易."""

    serial: Serial
    state: Annotated[int, msgspec.Meta(ge=0, le=3)]
    code: Text
    text: Text
    bank_serial: Text = ""
    bank_day: date | None = None
    amount_fen: Annotated[int, msgspec.Meta(ge=0, lt=10**15)] = 0
    is_duplicate: bool = False


def sign_request(key: bytes, path: str, time: str, serial: str, body: bytes) -> str:
    return _sign(key, "request", path, time, serial, body)


def sign_answer(key: bytes, path: str, time: str, serial: str, body: bytes) -> str:
    """``time`` and ``serial`` are the request's: an older answer does not fit another request."""
    return _sign(key, "answer", path, time, serial, body)


def is_signature(expected: str, found: str) -> bool:
    return hmac.compare_digest(expected.encode(), found.encode())


def _sign(key: bytes, direction: str, path: str, time: str, serial: str, body: bytes) -> str:
    head = "\n".join((direction, path, time, serial, hashlib.sha256(body).hexdigest()))
    return hmac.new(key, head.encode(), hashlib.sha256).hexdigest()
