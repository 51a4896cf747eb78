"""What crosses the wire between the centre and the bank: messages, codes and signatures."""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec

COLLECT, COLLECT_MANY, PAY = "/collect", "/collect-many", "/pay"
QUERY, DETAILS = "/query", "/details"
NOTICE = "/bank/notices"  # The centre's door for what the bank tells by itself.
TIME_HEADER, SERIAL_HEADER, SIGNATURE_HEADER = "x-bank-time", "x-bank-serial", "x-bank-signature"
# The bank refuses a request older or newer than this, so a lost one cannot turn up much later.
FRESH_S = 60.0
MESSAGE_BYTES_MAX = 4 * 1024 * 1024
ITEMS_MAX = 500  # collections in one batch
DETAILS_MAX = 1000  # movements on one page

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
    PAYEE_UNKNOWN = "10010"
    REVERSED = "10011"
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
    STALE = "90008"


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
    BankCode.PAYEE_UNKNOWN: "收款账户不存在或户名不符",
    BankCode.REVERSED: "银行已冲正，款项已退回",
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
    BankCode.STALE: "银行通知的时间不在有效期内",
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


class CollectManyMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """104 批量收款: each item stands for itself; some may succeed and others fail."""

    items: Annotated[list[CollectMessage], msgspec.Meta(min_length=1, max_length=ITEMS_MAX)]


class PayMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """101 单笔付款: from the centre's own account to the payee."""

    serial: Serial
    amount_fen: AmountFen
    holder: Text
    account_no: Text
    bank_code: Text
    bank_name: Text
    remark: Text


class QueryMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """110 交易结果查询."""

    serial: Serial


class DetailsMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """113 账户明细查询: the movements of one bank day, after those of an earlier page."""

    day: date
    after: Text = ""


class AnswerMessage(msgspec.Struct, frozen=True):
    """What became of one serial. ``state``: 0 成功, 1 失败, 2 处理中, 3 查无此交易."""

    serial: Serial
    state: Annotated[int, msgspec.Meta(ge=0, le=3)]
    code: Text
    text: Text
    bank_serial: Text = ""
    bank_day: date | None = None
    amount_fen: Annotated[int, msgspec.Meta(ge=0, lt=10**15)] = 0
    is_duplicate: bool = False


class ManyAnswerMessage(msgspec.Struct, frozen=True):
    answers: Annotated[list[AnswerMessage], msgspec.Meta(max_length=ITEMS_MAX)]


class Direction(StrEnum):
    """Seen from the centre's account."""

    IN = "in"
    OUT = "out"


class Detail(msgspec.Struct, frozen=True):
    """One movement on the centre's account; page 113 lists them, a notice tells one."""

    bank_serial: Text
    bank_day: date
    direction: Direction
    amount_fen: AmountFen
    account_no: Text  # whose money it was or becomes
    holder: Text
    remark: Text
    serial: Text = ""  # ours, if the movement is one that we asked for
    reverses: Text = ""  # the bank serial of the movement that this one takes back


class DetailsAnswerMessage(msgspec.Struct, frozen=True):
    """``closing_fen`` is the account's balance at the day's end; ``after`` asks for what follows,
    and is empty on the last page."""

    day: date
    closing_fen: int
    details: Annotated[list[Detail], msgspec.Meta(max_length=DETAILS_MAX)]
    after: Text = ""


def sign_request(key: bytes, path: str, moment: str, serial: str, body: bytes) -> str:
    return _sign(key, "request", path, moment, serial, body)


def sign_answer(key: bytes, path: str, moment: str, serial: str, body: bytes) -> str:
    """``moment`` and ``serial`` are the request's: an older answer does not fit another request."""
    return _sign(key, "answer", path, moment, serial, body)


def sign_notice(key: bytes, moment: str, serial: str, body: bytes) -> str:
    """``serial`` is the bank's, of the movement that it tells."""
    return _sign(key, "notice", NOTICE, moment, serial, body)


def is_fresh(moment: str, fresh_s: float = FRESH_S) -> bool:
    """A moment in nanoseconds, as headers carry it, that is neither old nor to come."""
    return moment.isdecimal() and abs(time.time_ns() - int(moment)) <= fresh_s * 1e9


def is_signature(expected: str, found: str) -> bool:
    return hmac.compare_digest(expected.encode(), found.encode())


def _sign(key: bytes, direction: str, path: str, moment: str, serial: str, body: bytes) -> str:
    head = "\n".join((direction, path, moment, serial, hashlib.sha256(body).hexdigest()))
    return hmac.new(key, head.encode(), hashlib.sha256).hexdigest()
