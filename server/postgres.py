"""The supervisor of the embedded PostgreSQL: makes its folder, starts, recovers and stops it."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from server.business.refusals import Refused, problem
from server.postgres_host import (
    SUPERUSER,
    Endpoint,
    Identity,
    creation_flags,
    database_identity,
    exit_on_termination,
    program,
    programs_folder,
    try_lock,
)

MAJOR = "18"
INITDB_LIMIT_S = 120
START_LIMIT_S = 600  # Recovery of a long log after a crash must not be cut off.
STOP_LIMIT_S = 60
READY_LIMIT_S = 30
POLL_S = 0.05
LATE = 124  # What a command that was cut off counts as having returned.

# Terse, and without the statement: DETAIL and STATEMENT lines would carry names and ID numbers.
SETTINGS = """\
listen_addresses = '{listen}'
port = {port}
unix_socket_directories = '{sockets}'
shared_buffers = '512MB'
max_wal_size = '2GB'
timezone = 'Asia/Shanghai'
log_timezone = 'Asia/Shanghai'
log_checkpoints = off
log_error_verbosity = terse
log_min_error_statement = panic
"""


class PostgresRefused(Refused):
    """The database cannot be started or stopped. Its words name folders, never a person."""

    def __str__(self) -> str:
        return f"{self.reason.code} {self.reason.text}。{self.reason.next_step}"


def default_root() -> Path:
    """Where the database lives when nobody says otherwise."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif os.geteuid() == 0:
        base = Path("/var/lib")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "hpf-desktop"


class EmbeddedPostgres:
    """One PostgreSQL in the folder ``root``, with one supervisor at a time.

    As root the database runs as ``user``; without one, as the owner of the existing data, or as
    the first that exists of ``USER_CANDIDATES``.
    """

    def __init__(self, root: Path, user: str | None = None) -> None:
        self.root = root.absolute()
        self._user = user
        self._data = self.root / "data"
        self._run = self.root / "run"
        self._password = self.root / "password"
        self._log = self._run / "postgres.log"
        # Files that this supervisor writes lie outside the folders of the database's user.
        self._settings = self.root / "hpf.conf"
        self._output = self.root / "commands.log"
        self._lock: BinaryIO | None = None
        self._identity = Identity()
        self._programs = Path()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> str:
        """Start the database and return the superuser's DSN; refuses a second supervisor."""
        assert self._lock is None, "started twice"
        own = {self.root, *(folder for folder in self.root.parents if not folder.exists())}
        self.root.mkdir(parents=True, exist_ok=True)
        self._lock = try_lock(self.root / "supervisor.lock")
        if self._lock is None:
            _refuse("D01", folder=self.root)
        exit_on_termination()
        atexit.register(self.stop)
        try:
            self._choose_user(own)
            self._prepare()
            endpoint = self._write_settings()
            self._start_server(endpoint)
        except BaseException:
            self.stop()
            raise
        return endpoint.dsn(self._password.read_text())

    def stop(self) -> None:
        """Stop the database cleanly; does nothing if this supervisor has not started it."""
        if self._lock is None:
            return
        try:
            self._stop_server()
        finally:
            atexit.unregister(self.stop)
            self._lock.close()
            self._lock = None

    def _choose_user(self, own: set[Path]) -> None:
        """Only our ``own`` folders are opened to the database's user, never one that was there."""
        identity = database_identity(self._user, self._data)
        self._identity = identity or _refuse("D07")
        for folder in own if self._identity.name else ():
            folder.chmod(0o711)  # The database's user passes through, and lists nothing.
        blocked = self._identity.blocked_folder(self.root)
        if blocked is not None:
            _refuse("D03", user=self._identity.name, folder=blocked)

    def _prepare(self) -> None:
        self._check_version()
        self._programs = programs_folder(self._identity, MAJOR, self.root)
        self._run.mkdir(exist_ok=True)
        self._run.chmod(0o711)  # Clients reach the socket in it.
        self._identity.own(self._run)
        if not self._data.exists():
            self._make_data()
        self._clear_remains()

    def _check_version(self) -> None:
        if not self._data.exists():
            return
        file = self._data / "PG_VERSION"
        found = file.read_text().strip() if file.exists() else "未知版本"
        if found != MAJOR:
            _refuse("D02", folder=self._data, found=found, expected=MAJOR)
        if not self._password.exists():
            _refuse("D08", file=self._password)

    def _make_data(self) -> None:
        self._password.touch(mode=0o600)
        self._password.write_text(secrets.token_urlsafe(24))
        self._identity.own(self._password)
        # A killed initdb leaves half a folder, so the finished one gets its name at the end.
        unfinished = self.root / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._identity.own(unfinished)
        # The built-in C.UTF-8 sorts by code point everywhere; Windows has no such locale itself.
        code = self._command(
            INITDB_LIMIT_S, "initdb", "-D", str(unfinished), "-U", SUPERUSER,
            "-A", "scram-sha-256", "--pwfile", str(self._password), "-E", "UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums",
        )  # fmt: skip
        if code != 0:
            _refuse("D05", why=_last_line(self._output), log=self._output)
        with (unfinished / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(f"\ninclude = '../{self._settings.name}'\n")
        unfinished.rename(self._data)

    def _clear_remains(self) -> None:
        """Clear away what a killed supervisor, or a killed database, left behind."""
        self._stop_server()
        if not Path("/proc/sysvipc/shm").exists():
            return
        self._wait(lambda: not self._memory_in_use(), STOP_LIMIT_S, "D06")
        # PostgreSQL itself takes a zombie, or a stranger with the old number, for its dead server.
        for file in (self._data / "postmaster.pid", *self._run.glob(".s.PGSQL.*")):
            file.unlink(missing_ok=True)

    def _write_settings(self) -> Endpoint:
        endpoint = Endpoint.choose(self._run)
        settings = SETTINGS.format(
            listen="" if endpoint.sockets else endpoint.host,
            port=endpoint.port,
            sockets=str(endpoint.sockets or "").replace("'", "''"),
        )
        self._settings.write_text(settings, encoding="utf-8")
        self._settings.chmod(0o644)
        return endpoint

    def _start_server(self, endpoint: Endpoint) -> None:
        code = self._command(
            START_LIMIT_S + READY_LIMIT_S, "pg_ctl", "start", "-D", str(self._data),
            "-w", "-t", str(START_LIMIT_S), "-l", str(self._log),
        )  # fmt: skip
        if code != 0:
            _refuse("D05", why=_last_line(self._log), log=self._log)
        ask = ("pg_isready", "-h", endpoint.host, "-p", str(endpoint.port), "-t", "3")
        self._wait(lambda: self._command(READY_LIMIT_S, *ask) == 0, READY_LIMIT_S, "D04")

    def _stop_server(self) -> None:
        for mode in ("fast", "immediate"):
            if not self._is_running():
                return
            self._command(
                STOP_LIMIT_S + READY_LIMIT_S, "pg_ctl", "stop", "-D", str(self._data),
                "-m", mode, "-w", "-t", str(STOP_LIMIT_S),
            )  # fmt: skip
        if self._is_running():
            _refuse("D06", seconds=2 * STOP_LIMIT_S, log=self._log)

    def _is_running(self) -> bool:
        lines = self._pid_file()
        if not lines:
            return False
        if not Path("/proc/self/stat").exists():
            return self._command(STOP_LIMIT_S, "pg_ctl", "status", "-D", str(self._data)) == 0
        try:
            status = Path("/proc", lines[0].strip(), "stat").read_text()
        except OSError:
            return False
        # "123 (postgres) S …"; a zombie (Z) is as good as gone.
        name, _, rest = status.partition("(")[2].rpartition(") ")
        return name == "postgres" and rest[0] not in "ZX"

    def _memory_in_use(self) -> bool:
        """Whether a child of the dead server still holds its shared memory."""
        lines = self._pid_file()
        if len(lines) < 7:
            return False
        identifier = lines[6].split()[-1]
        segments = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
        # Columns: key shmid perms size cpid lpid nattch …
        return any(
            fields[1] == identifier and fields[6] != "0" for fields in map(str.split, segments)
        )

    def _pid_file(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _wait(self, condition: Callable[[], bool], limit_s: float, code: str) -> None:
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline:
                _refuse(code, seconds=limit_s, log=self._log)
            time.sleep(POLL_S)

    def _command(self, limit_s: float, name: str, *arguments: str) -> int:
        """Run one of PostgreSQL's programs as the database's user, and return its exit code."""
        environment = {key: value for key, value in os.environ.items() if key[:2] != "PG"}
        # Into a file: on Windows the server would inherit a pipe, and reading it would never end.
        with self._output.open("wb") as output:
            try:
                return subprocess.run(
                    [str(self._programs / program(name)), *arguments],
                    stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                    cwd=self._run, env=environment | {"LC_ALL": "C"}, timeout=limit_s,
                    check=False, creationflags=creation_flags(), **self._identity.options(),
                ).returncode  # fmt: skip
            except subprocess.TimeoutExpired:
                return LATE


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    told = [line for line in lines if "FATAL" in line or "PANIC" in line or "error" in line]
    return (told or lines or ["没有日志"])[-1].strip()


def _refuse(code: str, **facts: Any) -> NoReturn:
    raise PostgresRefused(problem(code, **facts))
