"""Where the server's parts are: read once from the environment, or made by the demo."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from server.counter.perform import is_production
from server.payments import Pace

# What each is, for whoever left it out.
NEEDED = {
    "HPF_DATABASE_URL": "数据库地址，例如 postgresql://hpf@localhost/hpf",
    "HPF_FILES": "存放 TLS 私钥、信任列表和签章私钥的文件夹",
    "HPF_BANK_URL": "银行接口地址，例如 https://bank.example:9443",
    "HPF_BANK_KEY": "与银行约定的签名密钥，十六进制",
}


class NotSet(RuntimeError):
    """The environment does not say what is needed; the text tells an administrator what."""


def settings(*names: str) -> list[str]:
    """Their values; raises NotSet with all that are missing, not the first alone."""
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        lines = [f"  {name}　{NEEDED[name]}" for name in missing]
        raise NotSet("\n".join(["缺少环境变量，请设置后重试：", *lines]))
    return [os.environ[name] for name in names]


@dataclass(frozen=True)
class BankSettings:
    """The bank's address, the key that both sides sign with, and how long to wait for it."""

    url: str
    key: bytes
    pace: Pace

    @classmethod
    def from_environment(cls) -> BankSettings:
        url, key = settings("HPF_BANK_URL", "HPF_BANK_KEY")
        return cls(
            url,
            _key(key),
            Pace(
                bank_timeout_s=float(os.environ.get("HPF_BANK_TIMEOUT_S", "60")),
                not_found_grace_s=float(os.environ.get("HPF_BANK_GRACE_S", "60")),
                backoff_s=_seconds(os.environ.get("HPF_BANK_BACKOFF_S", "10 30 60 300")),
            ),
        )


@dataclass(frozen=True)
class Config:
    """``files`` holds the TLS key, the trust list and the signing key, as ``server/demo_ca.py``
    lays them out; ``audience`` is the origin that clients sign for, ``https://host:port``."""

    database_url: str
    files: Path
    host: str
    port: int
    audience: str
    public_url: str
    bank_url: str
    bank_key: bytes
    pace: Pace = Pace()
    is_production: bool = False  # forbids what only a trial may do

    @classmethod
    def from_environment(cls) -> Config:
        """Raises NotSet."""
        database_url, files, *_ = settings(*NEEDED)
        bank = BankSettings.from_environment()
        host = os.environ.get("HPF_HOST", "127.0.0.1")
        port = int(os.environ.get("HPF_PORT", "8443"))
        audience = os.environ.get("HPF_AUDIENCE", f"https://{host}:{port}")
        return cls(
            database_url=database_url,
            files=Path(files),
            host=host,
            port=port,
            audience=audience,
            public_url=os.environ.get("HPF_PUBLIC_URL", audience),
            bank_url=bank.url,
            bank_key=bank.key,
            is_production=is_production(),
            pace=bank.pace,
        )


def _key(text: str) -> bytes:
    """The value itself is a secret: no message repeats it."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise NotSet("环境变量 HPF_BANK_KEY 应为十六进制（与银行约定的签名密钥）") from None


def _seconds(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split())
