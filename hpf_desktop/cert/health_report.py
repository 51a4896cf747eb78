"""证书体检 as plain text for whoever helps on the telephone: no secret, and nobody's name."""

from __future__ import annotations

import platform
from datetime import datetime

from hpf_desktop.cert.health import CHECKS, Finding, Findings, State
from server.business.release import VERSION

TITLE = "住房公积金单位网厅 证书体检报告"


def report(found: Findings, at: datetime, server: str) -> str:
    """What the rows say, with the time and what was asked; a check that still runs says so."""
    head = (
        TITLE,
        f"时间：{at.astimezone().isoformat(' ', 'seconds')}",
        f"客户端：{VERSION}；系统：{platform.system()} {platform.release()}",
        f"服务器：{server}",
        f"结论：{verdict(found).text}",
        "",
    )
    lines = [f"{check.name}：{_line(found.get(check.code))}" for check in CHECKS]
    return "\n".join([*head, *lines]) + "\n"


def _line(told: Finding | None) -> str:
    if told is None:
        return "检查中"
    code = f"（{told.code}）" if told.code else ""
    step = f" → {told.next_step}" if told.next_step else ""
    return f"{told.state}　{told.text}{code}{step}"


def verdict(found: Findings) -> Finding:
    """The one thing to do first; UNCHECKED while checks are still under way."""
    if len(found) < len(CHECKS):
        return Finding(State.UNCHECKED, f"正在检查，已完成 {len(found)} / {len(CHECKS)} 项")
    first = first_trouble(found)
    if first is None:
        return Finding(State.GOOD, "没有发现问题，可以用证书登录")
    told = found[first]
    others = sum(each.state in (State.FAULT, State.NOTICE) for each in found.values()) - 1
    step = f"{told.next_step}；另有 {others} 项见下表" if others else told.next_step
    return Finding(told.state, told.text, step, told.code)


def first_trouble(found: Findings) -> str | None:
    """The code of the check to look at first: what fails before what is only to be noticed."""
    for state in (State.FAULT, State.NOTICE):
        for check in CHECKS:
            if check.code in found and found[check.code].state is state:
                return check.code
    return None
