"""A stranger at the client: a screen, a keyboard, and what the accessibility tree says. No more.

The client is a program of its own; nothing here imports it, except what the demo runs behind it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
from PIL import ImageGrab

from hpf_desktop.demo import services
from server import demo_ca

T = TypeVar("T")
PROJECT = Path(__file__).resolve().parents[2]
EYE = Path(__file__).with_name("atspi.py")
SYSTEM_PYTHON = "/usr/bin/python3"
LAUNCHER = "/usr/libexec/at-spi-bus-launcher"
LIMIT_S = 20.0
LOOK_S = 0.05
TABS_MAX, MOVE_S = 60, 2.0
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
            bus = running.enter_context(
                _process("dbus-daemon", "--session", "--nofork", "--print-address=1")
            )
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

    def until(
        self, seen: Callable[[list[Node]], T], what: str, limit_s: float = LIMIT_S, **look: Any
    ) -> T:
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

    def node(self, name: str) -> Node:
        """The one of that accessible name or object name."""
        return self.until(
            lambda nodes: next((n for n in nodes if name in (n["name"], n["id"])), {}), name
        )

    def words(self, part: str) -> str:
        """The first text on the screen that has ``part`` in it."""
        return self.until(
            lambda nodes: next((n["name"] for n in nodes if part in n["name"]), ""), part
        )

    def cell(self, row: int, column: str) -> Node:
        """A cell of the sheet by its line and the words over its column."""
        return self._until_cell(row, column, lambda cell: True, "there")

    def cell_says(self, row: int, column: str, text: str) -> None:
        self._until_cell(row, column, lambda cell: cell["name"] == text, text)

    def cell_has_focus(self, row: int, column: str) -> None:
        self._until_cell(row, column, lambda cell: "focused" in cell["states"], "the focus")

    def _until_cell(self, row: int, column: str, fits: Callable[[Node], bool], what: str) -> Node:
        def found(nodes: list[Node]) -> Node:
            cell = _cell(nodes, row, column)
            return cell if cell and fits(cell) else {}

        return self.until(found, f"line {row}, {column}: {what}", cells=True, within="sheet")

    def offers(self) -> list[str]:
        """The words in the list under an editor, line after line."""
        shown = self.look(within="offer_table", cells=True)
        return [n["name"] for n in shown if n["role"] == "table cell"]

    def has_focus(self, name: str) -> None:
        self.until(lambda nodes: any(_is_at(n, name) for n in nodes), f"the focus on {name}")

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

    def enter_pin(self, pin: str = services.PIN) -> None:
        self.has_focus("pin")
        self.type(pin)
        self.key("Return")

    def log_in(self) -> None:
        self.enter_pin()
        self.node("navigation")
        self.has_focus("sheet")

    def go(self, label: str) -> None:
        """Through the tree of functions, as somebody without a mouse does."""
        self.key("shift+F6", "Home")
        self.has_focus("navigation")
        places = [n["name"] for n in self.look(within="navigation") if n["role"] == "table cell"]
        self.key(*["Down"] * places.index(label))
        self.key("Return")
        self.until(lambda nodes: _is_open(nodes, label), f"the page {label}")

    def press(self, label: str) -> None:
        """A button, wherever Tab finds it from the tree on: the sheet keeps Tab for its cells."""
        self.key("shift+F6")
        self.has_focus("navigation")
        self.tab_to(label)
        self.key("space")

    def tab_to(self, name: str) -> None:
        """From where one is; it may be the last that Tab comes to."""
        for _ in range(TABS_MAX):
            at = self._focus()
            if any(_is_at(n, name) for n in at):
                return
            self.key("Tab")
            self._wait_for_move(at)
        raise AssertionError(f"Tab does not reach {name}")

    def _wait_for_move(self, before: list[Node]) -> None:
        """A window that is slow must not be hurried past what one looks for."""
        deadline = time.monotonic() + MOVE_S
        while self._focus() == before and time.monotonic() < deadline:
            time.sleep(LOOK_S)

    def _focus(self) -> list[Node]:
        return [n for n in self.look() if "focused" in n["states"]]

    def copy(self, text: str) -> None:
        """As another program's Ctrl+C."""
        subprocess.run(
            ["xclip", "-selection", "clipboard"],
            input=text,
            text=True,
            check=True,
            timeout=10,
            **QUIET,
        )

    def picture(self, name: str) -> None:
        """Of the whole screen, as it is now."""
        if self.pictures:
            ImageGrab.grab(xdisplay=os.environ["DISPLAY"]).save(self.pictures / f"{name}.png")


def _cell(nodes: list[Node], row: int, column: str) -> Node | None:
    heads = [n["name"].rstrip("* ") for n in nodes if n["role"] == "table column header"]
    if column not in heads:
        return None
    place = (row, heads.index(column))
    cells = (n for n in nodes if n["role"] == "table cell")
    return next((n for n in cells if (n["row"], n["column"]) == place), None)


def _is_at(node: Node, name: str) -> bool:
    return "focused" in node["states"] and name in (node["name"], node["id"])


def _is_open(nodes: list[Node], label: str) -> bool:
    return any(
        n["role"] == "page tab" and n["name"] == label and "selected" in n["states"] for n in nodes
    )


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=30, **QUIET)


def _line(node: Node) -> str:
    parts = (node["role"], node["id"], node["name"], node["description"], node["text"])
    return "  ".join(str(part) for part in (*parts, *node["states"]) if part)


@contextmanager
def office(folder: Path) -> Iterator[services.Server]:
    """Screen, buses, keyring, printer and the demo's server: what a user's computer has running.

    What is printed comes into ``folder / "printed"``.
    """
    database = Path(f"/var/tmp/hpf-black-box-{os.getpid()}")
    with ExitStack() as running:
        running.callback(shutil.rmtree, database, ignore_errors=True)
        running.enter_context(desk(folder))  # It puts the environment back.
        os.environ |= {"HPF_DEMO_DATABASE": str(database), "PYTHONPATH": str(PROJECT)}
        running.enter_context(services.print_queue(folder / "printed"))
        yield running.enter_context(services.server(folder / "server"))


@contextmanager
def stranger(server: services.Server, folder: Path, **settings: object) -> Iterator[Stranger]:
    """The client, just started, and somebody before it, who has set it up some time ago."""
    folder.mkdir(parents=True, exist_ok=True)
    if settings:
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    environment = os.environ | {"HPF_DESKTOP_FOLDER": str(folder), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "hpf_desktop", "--server", server.url, "--ca", str(server.ca)]
    with (folder / "client.log").open("ab") as log, ExitStack() as running:
        eye = running.enter_context(_process(SYSTEM_PYTHON, str(EYE), stdin=subprocess.PIPE))
        client = subprocess.Popen(
            command, cwd=PROJECT, env=environment, text=True, stdout=log, stderr=log
        )
        try:
            yield Stranger(client, eye, pictures=folder)
        finally:
            client.terminate()
            try:
                client.wait(10)
            except subprocess.TimeoutExpired:
                client.send_signal(signal.SIGKILL)
                client.wait(10)


@contextmanager
def with_key(
    server: services.Server, held: demo_ca.Issued, folder: Path, **settings: object
) -> Iterator[Stranger]:
    """The same desk with another key in the reader."""
    other = replace(server, operator_key=held.key_file, operator_certificate=held.certificate_file)
    with (
        services.key_in_reader(other, folder),
        stranger(server, folder / "desktop", **settings) as user,
    ):
        yield user


def ask_bank(server: services.Server, method: str, path: str, content: object = None) -> Any:
    """As the sandbox bank's own staff."""
    answer = httpx.request(
        method, f"{server.bank['url']}/admin/{path}", json=content, timeout=10,
        headers={"Authorization": f"Bearer {server.bank['admin_token']}"},
    )  # fmt: skip
    answer.raise_for_status()
    return answer.json() if answer.content else None
