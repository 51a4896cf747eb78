"""证书体检: every check between the operator and a login, described once; no PIN, and no Qt.

A page asks ``ready`` what may run now, runs each by ``perform`` in a worker, shows the findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from hpf_desktop.answers import Examination, Health
from hpf_desktop.cert import expiry
from hpf_desktop.cert.call import Call
from hpf_desktop.cert.certificates import KeyCertificate
from hpf_desktop.cert.problems import BEFORE_PIN, Fault, KeyProblem, problem_of
from hpf_desktop.cert.sign_in import OpenReaders, list_certificates, pin_status
from hpf_desktop.cert.token import CardFault, ReaderState
from hpf_desktop.log import explain
from server.business.refusals import REFUSALS, Problem, problem
from server.business.release import INTERFACE, VERSION

KEY_LIMIT_S = 20.0
SERVER_LIMIT_S = 12.0
KEYS_SHARE = 0.9  # The key's own words for being slow come before ours.
CLOCK_NOTICE = timedelta(minutes=5)
CLOCK_FAULT = timedelta(days=1)  # A certificate's dates are judged by days.
SERVER_END_NEAR = timedelta(days=7)
SERIAL_TAIL = 6


class State(StrEnum):
    GOOD = "正常"
    NOTICE = "注意"
    FAULT = "异常"
    UNCHECKED = "未检查"


SEVERITY = list(State)


class Server(Protocol):
    """What the checks ask of the client."""

    def health(self) -> Health: ...

    def examine(self, certificate: bytes) -> Examination: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's outcome in words that name nobody. ``evidence`` is for the checks after it;
    ``because`` names the check whose failing left this one unmade."""

    state: State
    text: str
    next_step: str = ""
    code: str = ""
    evidence: Any = field(default=None, repr=False, compare=False)
    because: str = ""

    @property
    def has_passed(self) -> bool:
        return self.state in (State.GOOD, State.NOTICE)


Findings = Mapping[str, Finding]


@dataclass(frozen=True, slots=True)
class Case:
    """Where to look. ``open_server`` is called in a worker, and may refuse."""

    open_readers: OpenReaders
    open_server: Callable[[], Server]


@dataclass(frozen=True, slots=True)
class Check:
    """``needs`` must have passed; ``after`` must only be over, whatever came of it."""

    code: str
    name: str
    look: Callable[[Case, Findings, Call], Finding]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    limit_s: float = KEY_LIMIT_S


# --- Running them ---


def ready(found: Findings, begun: Iterable[str]) -> list[Check]:
    """What may begin now, for all that is known."""
    taken = {*found, *begun}
    return [
        check
        for check in CHECKS
        if check.code not in taken
        and all(code in found for code in check.after)
        and all(code in found and found[code].has_passed for code in check.needs)
    ]


def hopeless(found: Findings) -> dict[str, Finding]:
    """What cannot be checked, because something that it needs has failed."""
    told: dict[str, Finding] = {}
    for check in CHECKS:
        known = {**found, **told}
        failed = [c for c in check.needs if c in known and not known[c].has_passed]
        if check.code in found or not failed:
            continue
        # Of what was not checked either, the reason is the same.
        why = known[failed[0]].because or NAMES[failed[0]]
        told[check.code] = Finding(
            State.UNCHECKED, f"“{why}”没有通过，无法检查", f"请先解决“{why}”", because=why
        )
    return told


def perform(check: Check, case: Case, found: Findings, call: Call) -> Finding:
    """Waits no longer than ``call`` does; whatever goes wrong is a finding."""
    late = problem("W17", seconds=round(call.limit_s))
    try:
        return call.run(lambda: check.look(case, found, call), lambda fault: _fault(late))
    except CardFault as fault:
        return _fault(problem_of(BEFORE_PIN[fault.error], seconds=round(call.limit_s)))
    except Exception as error:  # noqa: BLE001 - A check that breaks is a row, not an end.
        return _fault(explain(error))


def examine(case: Case) -> dict[str, Finding]:
    """All checks, one after the other."""
    found: dict[str, Finding] = {}
    while len(found) < len(CHECKS):
        for check in ready(found, ()):
            found[check.code] = perform(check, case, found, Call(check.limit_s))
        found |= hopeless(found)
    return {check.code: found[check.code] for check in CHECKS}


# --- The key ---


def _service(case: Case, found: Findings, call: Call) -> Finding:
    case.open_readers().close()
    return _good("正在运行")


def _reader(case: Case, found: Findings, call: Call) -> Finding:
    readers = case.open_readers()
    try:
        states = readers.look()
    finally:
        readers.close()
    if not states:
        return _fault(problem_of(Fault.NO_READER))
    return _good(f"{len(states)} 个：{'，'.join(state.name for state in states)}", states)


def _key(case: Case, found: Findings, call: Call) -> Finding:
    """Reads all that is on the keys; a key without a certificate is a key that was recognised."""
    states: tuple[ReaderState, ...] = found["reader"].evidence
    listing = list_certificates(case.open_readers, _part_of(call))
    troubles = [p for p in listing.problems if p.fault is not Fault.NO_CERTIFICATE]
    empty = len(listing.problems) - len(troubles)
    if not listing.certificates and not empty:
        return _fault(troubles[0])
    keys = len({c.reader for c in listing.certificates}) + empty
    if troubles:
        return _finding(State.NOTICE, troubles[0], listing)
    idle = f"；{len(states) - keys} 个读卡器空着" if len(states) > keys else ""
    return _good(f"已识别 {keys} 个证书 Key{idle}", listing)


def _certificate(case: Case, found: Findings, call: Call) -> Finding:
    listing = found["key"].evidence
    held: tuple[KeyCertificate, ...] = listing.certificates
    signing = [c for c in held if c.refusal is None or c.refusal.fault not in NEVER_SIGNS]
    if not held:
        return _fault(problem_of(Fault.NO_CERTIFICATE))
    if not signing:
        refusal = held[0].refusal
        assert refusal is not None, "it does not sign, and says why"
        return _fault(refusal)
    others = f"；另有 {len(held) - len(signing)} 张不用于登录" if len(held) > len(signing) else ""
    return _good("；".join(label(c) for c in signing) + others, tuple(signing))


def _pin(case: Case, found: Findings, call: Call) -> Finding:
    """Asks the counter, which costs no try: the command carries no PIN."""
    readers = {c.reader: c for c in found["certificate"].evidence}
    return _worst([_tries(case, c, call) for c in readers.values()])


def _tries(case: Case, certificate: KeyCertificate, call: Call) -> Finding:
    status = pin_status(case.open_readers, certificate, _part_of(call))
    if isinstance(status, KeyProblem):
        return _fault(status)
    if status.is_blocked:
        return _fault(problem_of(Fault.BLOCKED))
    if status.tries_left is None:
        return Finding(State.UNCHECKED, "证书 Key 没有给出剩余次数", "不影响登录")
    if status.tries_left == 1:
        return _finding(State.NOTICE, problem_of(Fault.LAST_TRY))
    return _good(f"还可以输入 {status.tries_left} 次")


# --- The server ---


def _server(case: Case, found: Findings, call: Call) -> Finding:
    server = case.open_server()
    health = server.health()
    until = health.certificate_until
    if until is None:
        return _good("已连接", (server, health))
    if until - datetime.now(UTC) < SERVER_END_NEAR:
        return _finding(State.NOTICE, problem("W15", until=day(until)), (server, health))
    return _good(f"已连接，服务器证书有效期至 {day(until)}", (server, health))


def _version(case: Case, found: Findings, call: Call) -> Finding:
    health: Health = found["server"].evidence[1]
    own, server = f"客户端 {VERSION}", f"服务器 {health.version}"
    if health.interface != INTERFACE:
        own, server = f"{own}，接口 {INTERFACE}", f"{server}，接口 {health.interface}"
        return _fault(problem("W16", own=own, server=server))
    return _good(f"{own}，{server}，接口 {INTERFACE}")


def _clock(case: Case, found: Findings, call: Call) -> Finding:
    ahead: timedelta = found["server"].evidence[1].ahead
    if abs(ahead) <= CLOCK_NOTICE:
        return _good("与服务器一致", ahead)
    how = ("慢" if ahead > timedelta() else "快") + _span(abs(ahead))
    state = State.FAULT if abs(ahead) >= CLOCK_FAULT else State.NOTICE
    return _finding(state, problem("W14", how=how), ahead)


def _span(length: timedelta) -> str:
    if length.days:
        return f" {length.days} 天"
    hours, seconds = divmod(length.seconds, 3600)
    return f" {hours} 小时 {seconds // 60} 分" if hours else f" {seconds // 60} 分钟"


# --- The certificate ---


def _dates(case: Case, found: Findings, call: Call) -> Finding:
    """By the server's clock where it is known, as the login itself."""
    clock = found["clock"].evidence
    now = datetime.now(UTC) + (clock if isinstance(clock, timedelta) else timedelta())
    return _narrow(found["certificate"].evidence, lambda c: _in_date(c, now))


def _in_date(certificate: KeyCertificate, now: datetime) -> Finding:
    if now > certificate.not_after:
        return _fault(problem_of(Fault.EXPIRED, until=day(certificate.not_after)))
    if now < certificate.not_before:
        return _fault(problem_of(Fault.NOT_YET_VALID, since=day(certificate.not_before)))
    if near := expiry.warning(certificate.not_after, now):
        return _finding(State.NOTICE, near)
    return _good(f"有效期至 {day(certificate.not_after)}")


def _issuer(case: Case, found: Findings, call: Call) -> Finding:
    """Asks the server once for each certificate; the two checks after it read the same answers."""
    server: Server = found["server"].evidence[0]
    held: tuple[KeyCertificate, ...] = found["dates"].evidence or found["certificate"].evidence
    answers = {c.fingerprint: server.examine(c.der) for c in held}

    def judge(certificate: KeyCertificate) -> Finding:
        answer = answers[certificate.fingerprint]
        return _answered(answer.chain or answer.purpose, "中心认可该证书")

    told = _narrow(held, judge)
    return _with(told, [(c, answers[c.fingerprint]) for c in told.evidence])


def _revocation(case: Case, found: Findings, call: Call) -> Finding:
    held = dict(found["issuer"].evidence)
    told = _narrow(tuple(held), lambda c: _answered(held[c].revocation, "没有被吊销"))
    return _with(told, [(c, held[c]) for c in told.evidence])


def _binding(case: Case, found: Findings, call: Call) -> Finding:
    held = dict(found["revocation"].evidence or found["issuer"].evidence)
    return _narrow(tuple(held), lambda c: _answered(held[c].binding, "已绑定到单位"))


def _answered(code: str | None, passed: str) -> Finding:
    if code is None:
        return Finding(State.UNCHECKED, "服务器没有检查这一项")
    if code == "":
        return _good(passed)
    if code not in REFUSALS:  # A newer server's word.
        return _fault(problem("N12"))
    # L12: the server cannot tell now, which is not the certificate's fault.
    return _finding(State.NOTICE if code == "L12" else State.FAULT, problem(code))


def _narrow(
    held: tuple[KeyCertificate, ...], judge: Callable[[KeyCertificate], Finding]
) -> Finding:
    """Whether some certificate passes: a clerk's other keys are for other offices. The evidence
    are those that do, or all where none does."""
    judged = [(certificate, judge(certificate)) for certificate in held]
    passed = [(c, told) for c, told in judged if told.has_passed]
    told = _worst([told for _, told in passed or judged])
    words = told.text
    if len(judged) > 1:
        words = "；".join(f"{tail(c)} {each.text}" for c, each in judged)
    evidence = tuple(c for c, _ in passed or judged)
    return Finding(told.state, words, told.next_step, told.code, evidence)


# --- Words ---


def label(certificate: KeyCertificate) -> str:
    """By issuer and serial. A certificate that signed itself has its holder there, whom nobody is
    to be told."""
    own = (certificate.holder, certificate.unit_name, certificate.unit_code)
    is_own = any(name and name in certificate.issuer for name in own)
    return f"{'自签名' if is_own else f'{certificate.issuer} 签发'} {tail(certificate)}"


def tail(certificate: KeyCertificate) -> str:
    return f"…{certificate.serial[-SERIAL_TAIL:]}"


def day(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d")


def _good(text: str, evidence: object = None) -> Finding:
    return Finding(State.GOOD, text, evidence=evidence)


def _fault(said: Problem | KeyProblem) -> Finding:
    return _finding(State.FAULT, said)


def _finding(state: State, said: Problem | KeyProblem, evidence: object = None) -> Finding:
    return Finding(state, said.text, said.next_step, said.code, evidence)


def _with(told: Finding, evidence: object) -> Finding:
    return Finding(told.state, told.text, told.next_step, told.code, evidence)


def _worst(findings: list[Finding]) -> Finding:
    return max(findings, key=lambda told: SEVERITY.index(told.state))


def _part_of(call: Call) -> Call:
    """One of several card calls in a row, which all end when the whole does."""
    return Call(call.limit_s * KEYS_SHARE, call.say)


NEVER_SIGNS = (Fault.ENCRYPTION_ONLY, Fault.UNSUPPORTED_ALGORITHM)

CHECKS = (
    Check("service", "智能卡服务", _service),
    Check("reader", "读卡器", _reader, ("service",)),
    Check("key", "证书 Key", _key, ("reader",)),
    Check("certificate", "证书", _certificate, ("key",)),
    Check("pin", "密码剩余次数", _pin, ("certificate",)),
    Check("server", "服务器", _server, limit_s=SERVER_LIMIT_S),
    Check("version", "版本", _version, ("server",)),
    Check("clock", "电脑时间", _clock, ("server",)),
    Check("dates", "证书有效期", _dates, ("certificate",), ("clock",)),
    Check("issuer", "签发机构", _issuer, ("certificate", "server"), ("dates",), SERVER_LIMIT_S),
    Check("revocation", "是否吊销", _revocation, ("issuer",)),
    Check("binding", "单位绑定", _binding, ("issuer",), ("revocation",)),
)
NAMES = {check.code: check.name for check in CHECKS}
