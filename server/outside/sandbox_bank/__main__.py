"""Runs the sandbox bank: ``python -m server.outside.sandbox_bank --dir DIR [--port N]``."""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import sqlite3
import sys
from pathlib import Path

import msgspec
import uvicorn

from server.outside.bank_wire import FRESH_S
from server.outside.sandbox_bank.app import Bank, Line, create_app
from server.outside.sandbox_bank.books import Books
from server.outside.sandbox_bank.control import READY_FILE, Ready
from server.outside.sandbox_bank.statement import NoticeTarget

BACKLOG = 256


class AnnouncedServer(uvicorn.Server):
    """Writes ``ready.json`` once it serves."""

    def __init__(self, config: uvicorn.Config, folder: Path, ready: Ready) -> None:
        super().__init__(config)
        self._folder, self._ready = folder, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        unfinished = self._folder / f"{READY_FILE}.new"
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(msgspec.json.encode(self._ready))
        unfinished.replace(self._folder / READY_FILE)


def _listen(wanted: int, last: int) -> socket.socket:
    """Port 0 is the last run's port if it is free, so that a restarted bank is found again."""
    for port in (wanted,) if wanted else (last, 0):
        listener = socket.socket()
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            continue
        listener.listen(BACKLOG)
        return listener
    sys.exit(f"端口 {wanted} 已被占用，请换一个端口")


def main() -> None:
    parser = argparse.ArgumentParser(prog="sandbox_bank", description="沙箱银行")
    parser.add_argument("--dir", type=Path, required=True, help="账本所在目录")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, help="故障的随机种子，默认沿用上次的")
    parser.add_argument("--fresh-s", type=float, default=FRESH_S, help="请求的有效秒数")
    parser.add_argument("--notice-url", help="账户变动通知发往的地址，默认沿用上次的")
    parser.add_argument("--notice-ca", default="", help="该地址的 CA 证书文件")
    asked = parser.parse_args()
    asked.dir.mkdir(parents=True, exist_ok=True)
    (asked.dir / READY_FILE).unlink(missing_ok=True)
    try:
        books = Books(asked.dir / "books.sqlite")
    except sqlite3.OperationalError:
        sys.exit(f"{asked.dir} 的账本打不开，可能另一个沙箱银行正在使用")
    if asked.seed is not None:
        books.store.set_setting("seed", str(asked.seed))
    if asked.notice_url is not None:
        books.statement.set_target(NoticeTarget(asked.notice_url, asked.notice_ca))
    key = books.store.setting("key", secrets.token_hex(32))
    token = books.store.setting("admin_token", secrets.token_urlsafe(24))
    listener = _listen(asked.port, int(books.store.setting("port", "0")))
    port = listener.getsockname()[1]
    books.store.set_setting("port", str(port))
    line = Line()
    app = create_app(Bank(books, bytes.fromhex(key), token, asked.fresh_s, line))
    # One process: the books are one file. h11, because ``Line`` reaches below it.
    config = uvicorn.Config(
        app, http="h11", loop="asyncio", ws="none", access_log=False, log_level="critical",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    ready = Ready(f"http://127.0.0.1:{port}", port, os.getpid(), key, token)
    line.server = AnnouncedServer(config, asked.dir, ready)
    try:
        line.server.run(sockets=[listener])
    finally:
        books.store.close()
        (asked.dir / READY_FILE).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
