"""The counter on the command line: each action a verb, its fields the options, all in Chinese."""

from __future__ import annotations

import argparse
import asyncio
import base64
import getpass
import json
import os
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeVar

from server import audit
from server.business.base import Field
from server.business.check import read_fields
from server.business.kinds import Choice
from server.business.refusals import Refused
from server.counter import staff
from server.counter.action import Action
from server.counter.actions import ACTIONS
from server.counter.for_staff import ADD_STAFF
from server.counter.perform import Origin, Outcome, is_production, perform
from server.counter.staff import ROLES, Role, named
from server.db import Pool, open_pool, transaction
from server.enrolment import CENTRE

T = TypeVar("T")
CONSOLE = "console"  # What the audit log has for an address.
FILE_BYTES_MAX = 64 * 1024
STATES = {
    "done": "已办理", "pending": "已录入，待另一人复核", "approved": "已复核", "rejected": "已退回",
}  # fmt: skip


class Help(argparse.HelpFormatter):
    """Says 用法 instead of usage."""

    def add_usage(self, usage, actions, groups, prefix=None):  # type: ignore[no-untyped-def]
        super().add_usage(usage, actions, groups, "用法：" if prefix is None else prefix)


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``counter`` with a verb for each action, and ``add-staff`` for the machine's console."""
    counter = _parser(verbs, "counter", "中心柜台：以本人的用户名和密码办理")
    options = counter.add_argument_group("登录")
    options.add_argument(
        "--staff", metavar="用户名", default=os.environ.get("HPF_STAFF", ""),
        help="或用环境变量 HPF_STAFF；密码用 HPF_STAFF_PASSWORD，否则提示输入",
    )  # fmt: skip
    options.add_argument("--json", action="store_true", help="结果以 JSON 输出")
    options.add_argument("--key", metavar="编号", help="防重编号：同一编号只办理一次")
    each = counter.add_subparsers(title="业务", metavar="业务", dest="action", required=True)
    for action in ACTIONS:
        _add_action(each, action)
    first = _parser(verbs, "add-staff", "在服务器上新增中心用户（第一个系统管理员由此产生）")
    group = first.add_argument_group("栏目")
    group.add_argument("name", metavar="用户名")
    group.add_argument("--shown", metavar="姓名", required=True)
    roles = "、".join(f"{code} {label}" for code, label in ROLES.items())
    group.add_argument("--role", metavar="岗位", required=True, help=roles)
    first.set_defaults(run=_add_staff)


def _parser(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name, help=text, description=text, formatter_class=Help, add_help=False
    )
    parser.add_argument_group("帮助").add_argument("-h", "--help", action="help", help="显示本说明")
    return parser


def _add_action(verbs: argparse._SubParsersAction[argparse.ArgumentParser], action: Action) -> None:
    second = f"，由{named(action.approved_by)}复核" if action.approved_by else ""
    text = f"{action.label}（{named(action.roles)}办理{second}）"
    parser = _parser(verbs, action.code, text)
    group = parser.add_argument_group("栏目")
    for spec in action.fields:
        if spec.kind.editor != "password":
            group.add_argument(f"--{spec.key.replace('_', '-')}", dest=f"field_{spec.key}",
                               metavar=spec.label, help=_help(spec))  # fmt: skip
    parser.set_defaults(run=_run, chosen=action)


def _help(spec: Field) -> str:
    parts = [spec.note, "文件" if spec.kind.editor == "file" else ""]
    if isinstance(spec.kind, Choice):
        parts.append("、".join(f"{code} {label}" for code, label in spec.kind.options.items()))
    elif spec.kind.sample:
        parts.append(f"例如 {spec.kind.sample}")
    parts.append("" if spec.required else "可不填")
    return "；".join(part for part in parts if part).replace("%", "%%") or "必填"


def _run(arguments: argparse.Namespace) -> int:
    action: Action = arguments.chosen
    texts = {
        spec.key: text
        for spec in action.fields
        if (text := _text(spec, getattr(arguments, f"field_{spec.key}", None)))
    }
    name = arguments.staff or input("用户名：")
    password = os.environ.get("HPF_STAFF_PASSWORD") or getpass.getpass("密码：")
    key = arguments.key or str(uuid.uuid4())

    async def work(pool: Pool) -> Outcome:
        who = await staff.prove(pool, name, password, CONSOLE)
        return await perform(pool, Origin(who, CONSOLE, is_production()), action, texts, key)

    try:
        outcome = _with_pool(work)
    except Refused as refusal:
        _tell(refusal)
        return 1
    print(_as_json(outcome) if arguments.json else "\n".join(_lines(outcome)))
    return 0


def _text(spec: Field, given: str | None) -> str:
    """What was typed: a secret is asked for, a file is read."""
    if spec.kind.editor == "password":
        return getpass.getpass(f"{spec.label}：")
    if not given or spec.kind.editor != "file":
        return given or ""
    with Path(given).open("rb") as file:
        content = file.read(FILE_BYTES_MAX)
    is_text = content.startswith(b"-----")
    return content.decode("ascii", "replace") if is_text else base64.b64encode(content).decode()


def _tell(refusal: Refused) -> None:
    reason = refusal.reason
    for found in refusal.problems or [reason]:
        print(f"{found.code} {found.text}。{found.next_step}", file=sys.stderr)


def _lines(outcome: Outcome) -> list[str]:
    """One thing as label and value, several as a table with tabs."""
    number = f"，编号 {outcome.number}" if outcome.number else ""
    is_list = outcome.columns and not number
    lines = [] if is_list else [f"{STATES[outcome.state]}{number}"]
    if len(outcome.rows) == 1:
        row = outcome.rows[0]
        return lines + [f"{label}：{row[key]}" for key, label in outcome.columns if row.get(key)]
    if outcome.columns:
        lines.append("\t".join(label for _, label in outcome.columns))
    return lines + ["\t".join(row.get(k, "") for k, _ in outcome.columns) for row in outcome.rows]


def _as_json(outcome: Outcome) -> str:
    shown: Mapping[str, object] = {
        "state": outcome.state,
        "number": str(outcome.number or ""),
        "rows": [dict(row) for row in outcome.rows],
    }
    return json.dumps(shown, ensure_ascii=False)


def _add_staff(arguments: argparse.Namespace) -> int:
    async def work(pool: Pool) -> str:
        values = read_fields(
            ADD_STAFF.fields, {f.key: getattr(arguments, f.key) for f in ADD_STAFF.fields}
        )
        async with transaction(pool) as conn:
            await audit.record(conn, ADD_STAFF.code, audit.OK, CENTRE)
            return await staff.add(conn, values["name"], values["shown"], Role(values["role"]))

    try:
        print(f"一次性密码 {_with_pool(work)}（首次登录须修改）")
    except Refused as refusal:
        _tell(refusal)
        return 1
    return 0


def _with_pool(work: Callable[[Pool], Awaitable[T]]) -> T:
    async def run() -> T:
        pool = open_pool(os.environ["HPF_DATABASE_URL"], 2)
        await pool.open(wait=True, timeout=10)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return asyncio.run(run())
