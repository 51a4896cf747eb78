"""A stranger at the client: a screen, a keyboard, and what the accessibility tree says. No more.

The client is a program of its own; nothing here imports it, except what the demo runs behind it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hpf_desktop.demo import services

T = TypeVar("T")
PROJECT = Path(__file__).resolve().parents[2]
EYE = Path(__file__).with_name("atspi.py")
SYSTEM_PYTHON = "/usr/bin/python3"
LAUNCHER = "/usr/libexec/at-spi-bus-launcher"
LIMIT_S = 20.0
LOOK_S = 0.05
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
Node = dict[str, Any]


@contextmanager
def desk(folder: Path) -> Iterator[None]:
    """A screen, a session bus with an open keyring, and the accessibility bus; put back after."""
    kept = dict(os.environ)
    with ExitStack() as running:
        try:
            # The bus hands these on to what it starts: nothing of this reaches the user's home.
            for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
                os.environ[name] = str(folder / name.lower())
                (folder / name.lower()).mkdir(mode=0o700)
            running.enter_context(services.screen("1600x950"))
            bus = running.enter_context(_process("dbus-daemon", "--session", "--nofork", "--print-address=1"))
            assert bus.stdout is not None, "opened with a pipe"
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
            os.environ["QT_LINUX_ACCESSIBILITY_ALWAYS_ON"] = "1"
            running.enter_context(_process(LAUNCHER, "--launch-immediately"))
            running.enter_context(_keyring())
            yield
        finally:
            running.close()
            os.environ.clear()
            os.environ.update(kept)


@contextmanager
def _keyring() -> Iterator[None]:
    """The desktop's real Secret Service, unlocked as a login does it."""
    command = ("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
    with _process(*command, stdin=subprocess.PIPE) as daemon:
        assert daemon.stdin is not None, "opened with a pipe"
        daemon.stdin.write("a password\n")
        daemon.stdin.close()
        yield


@contextmanager
def _process(*command: str, **how: Any) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **how
    )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait(10)
        for pipe in (started.stdin, started.stdout):
            if pipe:
                pipe.close()


@dataclass
class Stranger:
    """Looks, types and waits. ``slowest_s`` is the longest that the window let a look wait."""

    client: subprocess.Popen[str]
    eye: subprocess.Popen[str]
    slowest_s: float = 0.0
    pictures: Path | None = None
    _seen: list[Node] = field(default_factory=list)

    # --- Seeing ---

    def look(self, **what: Any) -> list[Node]:
        """The nodes on the screen: role, name, id, description, text, states, path."""
        assert self.eye.stdin and self.eye.stdout, "opened with pipes"
        self.eye.stdin.write(json.dumps({"pid": self.client.pid, **what}) + "\n")
        self.eye.stdin.flush()
        answer = json.loads(self.eye.stdout.readline())
        self.slowest_s = max(self.slowest_s, answer["seconds"])
        assert "error" not in answer, f"the window does not answer: {answer['error']}"
        self._seen = answer["nodes"]
        return self._seen

    def until(self, seen: Callable[[list[Node]], T], what: str, limit_s: float = LIMIT_S, **look: Any) -> T:
        deadline = time.monotonic() + limit_s
        while True:
            found = seen(self.look(**look))
            if found:
                return found
            assert self.client.poll() is None, f"the client ended ({self.client.returncode})"
            if time.monotonic() > deadline:
                self.picture("not-seen")
                shown = "\n".join(_line(n) for n in self._seen)
                raise AssertionError(f"{limit_s:.0f} s without {what}; on the screen:\n{shown}")
            time.sleep(LOOK_S)

    def node(self, name: str, limit_s: float = LIMIT_S) -> Node:
        """The one of that accessible name or object name."""
        return self.until(
            lambda nodes: next((n for n in nodes if name in (n["name"], n["id"])), None), name, limit_s
        )

    def words(self, part: str, limit_s: float = LIMIT_S) -> str:
        """The first text on the screen that has ``part`` in it."""
        return self.until(
            lambda nodes: next((n["name"] for n in nodes if part in n["name"]), ""), part, limit_s
        )

    def cell(self, row: int, column: str, limit_s: float = LIMIT_S, table: str = "sheet") -> Node:
        """A cell by its line and the words over its column."""
        def find(nodes: list[Node]) -> Node | None:
            heads = [n for n in nodes if n["role"] == "table column header"]
            places = [n for n, head in enumerate(heads) if head["name"].strip("* ") == column]
            inside = [n for n in nodes if n["role"] == "table cell" and n.get("row") == row]
            return next((n for n in inside if places and n["column"] == places[0]), None)
        return self.until(find, f"line {row} {column}", limit_s, cells=True, within=table)

    def focused(self) -> Node | None:
        return next((n for n in reversed(self.look()) if "focused" in n["states"]), None)

    # --- Typing ---

    def key(self, *keys: str) -> None:
        _run("xdotool", "key", "--clearmodifiers", "--delay", "25", *keys)

    def type(self, text: str) -> None:
        """Latin letters by the keyboard; anything else comes over the clipboard."""
        if text.isascii():
            _run("xdotool", "type", "--delay", "15", text)
        else:
            self.copy(text)
            self.key("ctrl+v")

    def copy(self, text: str) -> None:
        """As another program's Ctrl+C."""
        subprocess.run(["xclip", "-selection", "clipboard"], input=text, text=True, check=True, timeout=10, **QUIET)

    def picture(self, name: str) -> None:
        if self.pictures:
            _run("import", "-window", "root", str(self.pictures / f"{name}.png"))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=30, **QUIET)


def _line(node: Node) -> str:
    return f"{node['role']:20} [{node['id']}] {node['name']!r} {node['description']!r} {node['text']!r} {','.join(node['states'])} {node['path']}"


@contextmanager
def stranger(server: services.Server, folder: Path, *options: str) -> Iterator[Stranger]:
    """The client, just started, and somebody before it."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"HPF_DESKTOP_FOLDER": str(folder), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "hpf_desktop", "--server", server.url, "--ca", str(server.ca), *options]
    with (folder / "client.log").open("ab") as log, ExitStack() as running:
        eye = running.enter_context(_process(SYSTEM_PYTHON, str(EYE), stdin=subprocess.PIPE))
        client = subprocess.Popen(command, cwd=PROJECT, env=environment, text=True, stdout=log, stderr=log)
        try:
            yield Stranger(client, eye, pictures=folder)
        finally:
            client.terminate()
            try:
                client.wait(10)
            except subprocess.TimeoutExpired:
                client.send_signal(signal.SIGKILL)
                client.wait(10)
