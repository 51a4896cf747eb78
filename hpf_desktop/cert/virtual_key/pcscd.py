"""A private pcscd with vpcd's virtual readers, for demo and tests; Linux, and as root."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

SOCKET = Path("/run/pcscd/pcscd.comm")
VPCD_DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
READERS = Path("/etc/reader.conf.d")
LOCK = Path("/tmp/hpf-pcscd.lock")  # noqa: S108 (shared by all who start one)
START_LIMIT_S = 10.0
STARTS_MAX = 3  # A former daemon may keep the readers' port for a while.
STOP_LIMIT_S = 5.0
LOCK_LIMIT_S = 300.0
POLL_S = 0.05


class PcscdMissing(Exception):
    """What has to be installed or done first, in words for the person at the terminal."""


class Pcscd:
    """One per machine: the socket's place is fixed. A daemon that runs already is used and left.

    Waits its turn at ``LOCK`` against other programs that start one."""

    def __init__(self, readers: Path = READERS) -> None:
        self._readers = readers
        self._daemon: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    @property
    def is_ours(self) -> bool:
        return self._daemon is not None

    def start(self) -> None:
        self._take_turn()
        if answers():
            return
        for left in reversed(range(STARTS_MAX)):
            try:
                self.spawn()
                return
            except PcscdMissing:
                if not left:
                    raise

    def spawn(self) -> None:
        program = shutil.which("pcscd", path="/usr/sbin:/usr/bin:/sbin:/bin")
        if program is None or not VPCD_DRIVER.exists():
            raise PcscdMissing("Debian packages pcscd and vsmartcard-vpcd are needed")
        if os.geteuid() != 0:
            raise PcscdMissing("pcscd has to be started as root")
        # Never with --apdu: that writes every PIN to the log.
        self._daemon = subprocess.Popen(
            [program, "--foreground", "--config", str(self._readers)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_LIMIT_S
        while not (answers() and listens(self._readers)):
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                self.end_daemon()
                raise PcscdMissing("pcscd did not start")
            time.sleep(POLL_S)

    def end_daemon(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends the daemon that this object started, and no other."""
        if self._daemon is None:
            return
        self._daemon.send_signal(how)
        try:
            self._daemon.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait(STOP_LIMIT_S)
        self._daemon = None

    def stop(self) -> None:
        self.end_daemon()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_turn(self) -> None:
        self._lock = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_LIMIT_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as busy:
                if time.monotonic() > deadline:
                    raise PcscdMissing("another program keeps pcscd for itself") from busy
                time.sleep(POLL_S)

    def __enter__(self) -> Pcscd:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def listens(readers: Path) -> bool:
    """Whether each virtual reader waits for its key: the daemon answers before they do, and one
    that a former daemon still keeps from its port would stay away for good."""
    named = [re.findall(r":0x([0-9A-Fa-f]{4})\b", f.read_text()) for f in readers.glob("*")]
    tables = [Path("/proc/net") / name for name in ("tcp", "tcp6")]
    rows = [
        row.split() for table in tables if table.exists() for row in table.read_text().splitlines()
    ]
    listening = {row[1].rpartition(":")[2] for row in rows if row[3] == "0A"}
    return all(port.upper() in listening for ports in named for port in ports)


def answers() -> bool:
    """Whether a pcscd listens: a socket file may be left over from one that was killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(SOCKET))
        except OSError:
            return False
    return True
