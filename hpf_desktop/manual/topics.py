"""Every page of the manual: prose by hand, one file each, around what the descriptions say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hpf_desktop.manual import generated
from server.business.base import Business
from server.business.queries import in_manual_order

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "manual"
FIRST = "index"
ERRORS = "errors"
FIELDS, REFUSALS, QUERY, CODES = "@栏目", "@提示", "@查询", "@编号"
GROUPS = (
    "入门", "登录和密码", "办理业务", "归集业务", "缴存业务", "员工信息查询", "公积金查询",
    "打印和设置", "遇到问题时",
)  # fmt: skip
# What no description stands behind.
PROSE = {
    "index": ("从这里开始", "入门"),
    "first_run": ("新手入门", "入门"),
    "login": ("证书登录、锁定和退出", "登录和密码"),
    "password_login": ("单位密码登录", "登录和密码"),
    "register": ("单位注册", "登录和密码"),
    "reset": ("密码重置（忘记密码）", "登录和密码"),
    "certificate_health": ("证书体检", "登录和密码"),
    "sheet": ("明细表的用法", "办理业务"),
    "files": ("文件和导入", "办理业务"),
    "submitting": ("保存、签名和提交", "办理业务"),
    "drafts": ("草稿和恢复", "办理业务"),
    "queries": ("查询的用法", "办理业务"),
    "password_change": ("密码修改", "归集业务"),
    "printing": ("打印回单", "打印和设置"),
    "settings": ("设置", "打印和设置"),
    "keys": ("快捷键一览", "打印和设置"),
    "problems": ("遇到问题时", "遇到问题时"),
    ERRORS: ("错误代码", "遇到问题时"),
}


@dataclass(frozen=True)
class Topic:
    """``generated`` gives by its sign each part that stands where the prose names it."""

    code: str
    title: str
    group: str
    generated: Mapping[str, Callable[[], str]]

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.code}.md"

    def markdown(self) -> str:
        """A business or query without prose is told by its description alone."""
        bare = "\n\n".join(self.generated)
        text = self.file.read_text("utf-8") if self.file.exists() else f"# {self.title}\n\n{bare}\n"
        for sign, make in self.generated.items():
            text = text.replace(f"{sign}\n", f"{make()}\n")
        return text


def topics() -> dict[str, Topic]:
    """In the order of the manual."""
    made = [Topic(code, *named, _signs_of_prose(code)) for code, named in PROSE.items()]
    for described in in_manual_order():
        signs: dict[str, Callable[[], str]] = (
            {
                FIELDS: partial(generated.fields, described),
                REFUSALS: partial(generated.refusals_of, described),
            }
            if isinstance(described, Business)
            else {QUERY: partial(generated.query, described)}
        )
        made.append(Topic(described.code, described.label, described.menu, signs))
    made.sort(key=lambda topic: GROUPS.index(topic.group))
    return {topic.code: topic for topic in made}


def _signs_of_prose(code: str) -> dict[str, Callable[[], str]]:
    return {CODES: generated.errors} if code == ERRORS else {}
