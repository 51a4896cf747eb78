"""What the demo runs beside the window; each part says what it is, and is stopped at the end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PIN = "123456"
SERVER_START_S = 180.0  # The first start unpacks a database.
STOP_S = 20.0
IS_WINDOWS = sys.platform == "win32"
EXPORTS = {"beancount": "books.beancount", "hledger": "books.journal", "xlsx": "books.xlsx"}


class NotStarted(RuntimeError):
    """A part of the demo did not start; the text says which and why."""


def say(text: str) -> None:
    print(f"[demo] {text}", flush=True)


@dataclass(frozen=True)
class Server:
    """The running server, as its ``ready.json`` tells."""

    url: str
    ca: Path
    operator_key: Path
    operator_certificate: Path
    database: str
    unit_id: int
    password: str
    phone: Path
    bank: dict[str, str]
    staff: dict[str, Any]
    pid: int

    def books(self) -> dict[str, Any]:
        """What the ledger says, asked of the server's own command."""
        return dict(json.loads(self._asked("books")))

    def export_books(self, folder: Path) -> None:
        """The whole journal for programs that are not ours: they can check it by themselves."""
        for form, name in EXPORTS.items():
            self._asked("export-books", "--format", form, "--out", str(folder / name))

    def end_day(self) -> None:
        """日终: the business day is over; the sandbox bank's goes with it."""
        self._asked("day-end")

    def reconcile(self) -> dict[str, Any]:
        """The table of the day that ended last: books and bank, and what only one of them has."""
        return dict(json.loads(self._asked("reconcile")))

    def _asked(self, *arguments: str) -> str:
        given = {
            "HPF_DATABASE_URL": self.database, "HPF_BANK_URL": self.bank["url"],
            "HPF_BANK_KEY": self.bank["key"],
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "server", *arguments],
            cwd=ROOT, env=os.environ | given, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        if not done.stdout:
            raise NotStarted(f"账目查询失败：{done.stderr.strip()[-300:]}")
        return done.stdout


class _ServerProcess:
    """``python -m server demo``; started again, on the same books, should somebody kill it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._ready = folder, folder / "ready.json"
        self._is_ending = threading.Event()
        self._process = self._start("--fresh")
        self._watch = threading.Thread(target=self._keep_running, daemon=True)

    def wait(self) -> Server:
        """Until it serves; raises NotStarted with the end of its log."""
        deadline = time.monotonic() + SERVER_START_S
        while not self._ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                words = (self._folder / "server.log").read_text("utf-8", errors="replace")
                raise NotStarted(f"服务器没有启动，日志末尾：\n{words[-1500:]}")
            time.sleep(0.1)
        told = json.loads(self._ready.read_text(encoding="utf-8"))
        for name in ("ca", "operator_key", "operator_certificate", "phone"):
            told[name] = Path(told[name])
        self._port = told["url"].rpartition(":")[2]
        if not self._watch.is_alive():
            self._watch.start()
        return Server(**told)

    def stop(self) -> None:
        self._is_ending.set()
        _stop(self._process)

    def _start(self, *options: str) -> subprocess.Popen[bytes]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._ready.unlink(missing_ok=True)
        with (self._folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "server", "demo", "--dir", str(self._folder), *options],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def _keep_running(self) -> None:
        while not self._is_ending.wait(0.5):
            if self._process.poll() is not None:
                say(f"服务器进程已结束（{self._process.returncode}），重新启动，接着原来的账")
                self._process = self._start("--port", self._port)


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """PostgreSQL, the sandbox bank, sample units and the HTTPS server, beside the window."""
    say("启动内置 PostgreSQL、沙箱银行、HTTPS 服务器（演示 CA）")
    process = _ServerProcess(folder)
    try:
        yield process.wait()
    finally:
        process.stop()


def _stop(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_S)


@contextmanager
def key_in_reader(server: Server, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The real pcscd with vpcd's reader, and a virtual USB key in it; commands go to its stdin."""
    from hpf_desktop.cert.virtual_key.pcscd import Pcscd

    say("启动 pcscd，经 vpcd 插入虚拟 USB Key")
    with Pcscd():
        control = folder / "key.sock"
        process = subprocess.Popen(
            [sys.executable, "-m", "hpf_desktop.cert.virtual_key", "--pfx-or-pem",
             str(server.operator_key), str(server.operator_certificate), "--pin", PIN,
             "--control", str(control)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            _stop(process)
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()


def tell_key(process: subprocess.Popen[str], command: str) -> None:
    """``pull``, ``insert``, or any other of the virtual key's commands."""
    assert process.stdin and process.stdout, "opened with pipes"
    process.stdin.write(command + "\n")
    process.stdin.flush()
    answer = process.stdout.readline().strip()
    if not answer.startswith("ok"):
        raise NotStarted(f"虚拟 Key 不执行 {command}：{answer}")


@contextmanager
def print_queue(folder: Path) -> Iterator[Path]:
    """A real CUPS of the demo's own; its printer saves jobs as PDF into the folder it yields."""
    from hpf_desktop.print.virtual_queue import VirtualQueue

    say("启动 CUPS 打印队列（打印成 PDF）")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with VirtualQueue(folder) as queue:
        os.environ["CUPS_SERVER"] = queue.server
        yield folder


@contextmanager
def screen(size: str = "1480x900") -> Iterator[None]:
    """A virtual screen with a window manager, for a machine that has none."""
    say(f"没有屏幕，启动 Xvfb（{size}）")
    reading, writing = os.pipe()
    display = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
        pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        if not number:
            raise NotStarted("Xvfb 没有启动")
        os.environ["DISPLAY"] = f":{number}"
        os.environ["QT_QPA_PLATFORM"] = "xcb"
        manager = subprocess.Popen(
            ["openbox"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield
        finally:
            _stop(manager)
    finally:
        _stop(display)
