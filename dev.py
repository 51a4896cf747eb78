#!/usr/bin/env python3
"""Everything that a developer runs: python3 dev.py demo | test | bench | check.

Needs nothing but Python 3.11: it installs Debian's packages (as root) and the locked Python
packages itself, says what it does, and can be run again at once.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
IS_WINDOWS = sys.platform == "win32"
PYTHON = VENV / ("Scripts/python.exe" if IS_WINDOWS else "bin/python")
LOCKS = (ROOT / "build.lock", ROOT / "requirements.lock")

BUILD = "python3-venv python3-dev gcc libc6-dev libpcsclite-dev libcups2-dev"
QT = (
    "libegl1 libgl1 libxkbcommon0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0"
    " libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-sync1 libxcb-xfixes0"
    " libxcb-xkb1 libx11-xcb1 libfontconfig1 libfreetype6 libdbus-1-3 libglib2.0-0"
)
RUN = "pcscd vsmartcard-vpcd cups cups-client cups-filters xvfb xauth openbox fonts-hanazono"
TEST = (
    "opensc yubico-piv-tool openssl poppler-utils zbar-tools libnss3-tools libreoffice-calc"
    " fonts-noto-cjk xdotool xclip dbus dbus-x11 at-spi2-core gir1.2-atspi-2.0 python3-gi"
    " gnome-keyring libsecret-1-0 ghostscript hledger"
)
PACKAGES = {"demo": f"{BUILD} {QT} {RUN}", "bench": f"{BUILD} {QT} {RUN} libreoffice-calc"}
PACKAGES["test"] = PACKAGES["check"] = f"{BUILD} {QT} {RUN} {TEST}"


def say(text: str) -> None:
    print(f"[dev.py] {text}", flush=True)


def install_packages(wanted: list[str]) -> None:
    """Debian's packages that are missing; says which ones where it may not install them itself."""
    if IS_WINDOWS:
        return
    query = ["dpkg-query", "-W", "-f", "${Package} ${Status}\n", *wanted]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        sys.exit(
            f"[dev.py] 不是 Debian 系统。请自行安装与以下软件包相当的软件后再试：{' '.join(wanted)}"
        )
    present = {
        line.split()[0] for line in listed.splitlines() if line.endswith("install ok installed")
    }
    missing = [name for name in wanted if name not in present]
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"[dev.py] 缺少软件包，请以 root 身份运行：apt-get install {' '.join(missing)}")
    say(f"安装 {len(missing)} 个 Debian 软件包：{' '.join(missing)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-q", "-o", "Dpkg::Use-Pty=0", "-o", "Acquire::Retries=3"]
    subprocess.run([*apt, "update"], check=True, env=environment, stdout=subprocess.DEVNULL)
    subprocess.run(
        [*apt, "install", "-y", "--no-install-recommends", *missing],
        check=True, env=environment, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def install_venv() -> None:
    """The virtual environment exactly as the lock files say, each file checked by its hash."""
    state = hashlib.sha256(b"".join(lock.read_bytes() for lock in LOCKS)).hexdigest() + sys.version
    stamp = VENV / "installed"
    if stamp.exists() and stamp.read_text() == state:
        return
    say("建立 Python 虚拟环境，按锁定文件安装（核对哈希）")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    # pyscard and pycups come as source on Linux; swig, which builds them, is in the environment.
    environment = os.environ | {"PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}"}
    pip = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--require-hashes",
    ]
    for lock in LOCKS:
        say(f"安装 {lock.name}")
        isolation = [] if lock is LOCKS[0] else ["--no-build-isolation"]
        subprocess.run([*pip, *isolation, "-r", str(lock)], check=True, env=environment)
    stamp.write_text(state)


def run(*command: str, **variables: str) -> int:
    """Runs to its end; a signal to us ends it and everything it started."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"} | variables
    process = subprocess.Popen(
        [str(PYTHON), *command], cwd=ROOT, env=environment, start_new_session=not IS_WINDOWS
    )

    def stop(number: int, frame: object) -> None:
        process.terminate() if IS_WINDOWS else os.killpg(process.pid, signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return process.wait()


def demo(arguments: list[str]) -> int:
    return run("-m", "hpf_desktop.demo", *arguments)


def test(arguments: list[str]) -> int:
    return run(
        "-m", "pytest", *arguments, QT_QPA_PLATFORM=os.environ.get("HPF_TEST_QPA", "offscreen")
    )


def bench(arguments: list[str]) -> int:
    return run("-m", "tests.bench", *arguments, QT_QPA_PLATFORM="offscreen")


def check(arguments: list[str]) -> int:
    """What CI runs: style, types, import directions, then every test."""
    steps = (["ruff", "check", "."], ["mypy"], ["importlinter.cli"], ["pytest", *arguments])
    for name, *rest in steps:
        say(name)
        module = [
            "-c",
            "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())",
        ]
        command = module if name == "importlinter.cli" else ["-m", name, *rest]
        if code := run(*command, QT_QPA_PLATFORM="offscreen"):
            return code
    return 0


VERBS = {"demo": demo, "test": test, "bench": bench, "check": check}


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in VERBS:
        print(__doc__)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - This runs before anything is installed.
        sys.exit("[dev.py] 需要 Python 3.11 或更新的版本")
    verb, arguments = sys.argv[1], sys.argv[2:]
    start = time.monotonic()
    install_packages(PACKAGES[verb].split())
    install_venv()
    say(f"准备完毕，用时 {time.monotonic() - start:.0f} 秒；开始 {verb}")
    return VERBS[verb](arguments)


if __name__ == "__main__":
    sys.exit(main())
