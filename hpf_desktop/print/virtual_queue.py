"""A print queue that saves its jobs as PDF: a private CUPS with a printer that can be told to fail.

    python -m hpf_desktop.print.virtual_queue DIR

runs until SIGTERM and prints `CUPS_SERVER=…`, which clients need in their environment. Jobs
arrive as DIR/job-N.pdf. What DIR/mode says is what the printer does with the next job, after as
many pages as may stand behind it: ok, slow; paperout, jam, cover, offline (until the mode is
another); jamstop, stop (the queue stops); hold; fail (CUPS's own policy decides). Needs root,
because CUPS runs its backends from one folder of the system: a script is installed at
/usr/lib/cups/backend/hpf-pdf-PID-… with mode 0700 (with any other mode CUPS would run it as user
lp, who cannot write to DIR), and removed at the end.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

BACKENDS = Path("/usr/lib/cups/backend")
STATES = Path("/tmp")  # noqa: S108 - User lp must reach it; each folder is made fresh.
PREFIX, STATE_PREFIX = "hpf-pdf-", "hpf-cups-"
PRINTER, LABEL = "HPF-PDF", "演示打印机（存为 PDF）"
MODES = (
    "ok", "slow", "paperout", "jam", "cover", "offline", "jamstop", "stop", "hold", "fail",
)  # fmt: skip
START_LIMIT_S = STOP_LIMIT_S = 10.0

BACKEND_SCRIPT = """\
#!/bin/sh
# A CUPS backend: device job-id user title copies options [file]; the document comes on stdin.
[ $# -eq 0 ] && { echo 'file hpf-pdf "Unknown" "HPF PDF queue"'; exit 0; }
folder='@FOLDER@'
mode() { cut -d' ' -f1 "$folder/mode" 2>/dev/null || echo ok; }
umask 077
cat "${6:--}" >"$folder/.job-$1"
page=0
pages=$(cut -d' ' -f2 -s "$folder/mode")
while [ $page -lt "${pages:-0}" ]; do page=$((page+1)); echo "PAGE: $page 1" >&2; sleep 0.1; done
began=$(mode)
case $began in
    paperout) reason=media-empty-error ;;
    jam | jamstop) reason=media-jam-error ;;
    cover) reason=cover-open-error ;;
    offline) reason=offline-report ;;
    slow) sleep 3 ;;
    fail) exit 1 ;;
    hold) exit 3 ;;
    stop) echo 'ERROR: stopped' >&2; exit 4 ;;
esac
if [ -n "$reason" ]; then
    echo "STATE: +$reason" >&2
    [ "$began" = jamstop ] && exit 4
    waited=0
    while [ "$(mode)" = "$began" ] && [ $waited -lt 300 ]; do sleep 0.2; waited=$((waited+1)); done
    echo "STATE: -$reason" >&2
fi
mv "$folder/.job-$1" "$folder/job-$1.pdf"
"""

CUPSD_CONF = """\
Listen @STATE@/cups.sock
Browsing No
PreserveJobHistory Yes
PreserveJobFiles No
MultipleOperationTimeout 3
DirtyCleanInterval 0
LogLevel warn
<Location />
  Order allow,deny
  Allow localhost
</Location>
<Policy default>
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
"""

CUPS_FILES_CONF = """\
ServerRoot @STATE@
StateDir @STATE@
CacheDir @STATE@/cache
RequestRoot @STATE@/spool
TempDir @STATE@/tmp
AccessLog @STATE@/access_log
ErrorLog @STATE@/error_log
PageLog @STATE@/page_log
SystemGroup root
"""

SIZES = {
    "A4": (595, 842),
    "A5": (420, 595),
    "w684h792": (684, 792),
    "w684h396": (684, 396),
    "w684h264": (684, 264),
}


def printer_description() -> str:
    """The PPD: papers of any size, two trays, and the PDF kept as it is."""
    lines = [
        '*PPD-Adobe: "4.3"',
        '*FormatVersion: "4.3"',
        '*FileVersion: "1.0"',
        "*LanguageVersion: English",
        "*LanguageEncoding: ISOLatin1",
        '*PCFileName: "HPFPDF.PPD"',
        '*Manufacturer: "HPF"',
        '*Product: "(HPF PDF)"',
        '*ModelName: "HPF PDF"',
        '*ShortNickName: "HPF PDF"',
        '*NickName: "HPF PDF"',
        '*PSVersion: "(3010.000) 0"',
        '*LanguageLevel: "3"',
        "*ColorDevice: True",
        "*DefaultColorSpace: RGB",
        "*FileSystem: False",
        '*cupsFilter2: "application/vnd.cups-pdf application/pdf 0 -"',
        "*cupsManualCopies: True",
        "*VariablePaperSize: True",
        '*MaxMediaWidth: "1200"',
        '*MaxMediaHeight: "1800"',
        "*HWMargins: 0 0 0 0",
        '*CustomPageSize True: "pop pop pop pop pop"',
        "*ParamCustomPageSize Width: 1 points 72 1200",
        "*ParamCustomPageSize Height: 2 points 72 1800",
        "*ParamCustomPageSize WidthOffset: 3 points 0 0",
        "*ParamCustomPageSize HeightOffset: 4 points 0 0",
        "*ParamCustomPageSize Orientation: 5 int 0 0",
        *_option("PageSize", {name: name for name in SIZES}),
        *_option("PageRegion", {name: name for name in SIZES}),
        "*DefaultImageableArea: A4",
        *(f'*ImageableArea {name}: "0 0 {w} {h}"' for name, (w, h) in SIZES.items()),
        "*DefaultPaperDimension: A4",
        *(f'*PaperDimension {name}: "{w} {h}"' for name, (w, h) in SIZES.items()),
        *_option("InputSlot", {"Tray1": "Tray 1", "Tray2": "Tray 2"}),
        *_option("Duplex", {"None": "Off", "DuplexNoTumble": "Long", "DuplexTumble": "Short"}),
    ]
    return "\n".join(lines) + "\n"


def _option(keyword: str, choices: dict[str, str]) -> list[str]:
    first = next(iter(choices))
    return [
        f"*OpenUI *{keyword}: PickOne",
        f"*OrderDependency: 10 AnySetup *{keyword}",
        f"*Default{keyword}: {first}",
        *(f'*{keyword} {name}/{label}: ""' for name, label in choices.items()),
        f"*CloseUI: *{keyword}",
    ]


class VirtualQueue:
    """Runs while its `with` lasts; `server` is what clients take for CUPS_SERVER."""

    def __init__(self, folder: Path, printer: str = PRINTER) -> None:
        self.folder = folder.resolve()
        self.printer = printer
        # Filters run as user lp, who may not enter private folders; and socket paths must be short.
        self._state = Path(tempfile.mkdtemp(prefix=f"{STATE_PREFIX}{os.getpid()}-", dir=STATES))
        self._backend = BACKENDS / f"{PREFIX}{os.getpid()}-{secrets.token_hex(3)}"
        self.server = str(self._state / "cups.sock")
        self._cupsd: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def set_mode(self, mode: str, after_pages: int = 0) -> None:
        assert mode in MODES
        new = self.folder / ".mode"  # In one step: the backend may be reading it.
        new.write_text(f"{mode} {after_pages}" if after_pages else mode)
        new.replace(self.folder / "mode")

    def job_file(self, job_id: int) -> Path:
        return self.folder / f"job-{job_id}.pdf"

    def control(self, *command: str) -> None:
        """Runs a CUPS command, such as cupsreject, on the queue."""
        program, *options = command
        self._run(program, "-h", self.server, *options, self.printer)

    def signal(self, number: int) -> None:
        """To the print service itself: killed, halted, going on."""
        assert self._cupsd
        self._cupsd.send_signal(number)
        if number == signal.SIGKILL:
            self._cupsd.wait(STOP_LIMIT_S)

    def restart(self) -> None:
        """After its end: the printer and its jobs are still known."""
        Path(self.server).unlink(missing_ok=True)
        self._run_cupsd()

    def stop(self) -> None:
        if self._cupsd is not None:
            self._cupsd.terminate()
            try:
                self._cupsd.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._cupsd.kill()
                self._cupsd.wait()
            self._cupsd = None
        self._backend.unlink(missing_ok=True)
        shutil.rmtree(self._state, ignore_errors=True)

    def _start(self) -> None:
        if os.geteuid() != 0:
            raise PermissionError("the PDF queue needs root: CUPS runs backends of root only")
        _remove_left_behind()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.set_mode("ok")
        self._state.chmod(0o755)
        for name in ("cache", "spool", "tmp"):
            (self._state / name).mkdir()
        files = {"cupsd.conf": CUPSD_CONF, "cups-files.conf": CUPS_FILES_CONF}
        for name, text in files.items():
            (self._state / name).write_text(text.replace("@STATE@", str(self._state)))
        (self._state / "printer.ppd").write_text(printer_description())
        assert "'" not in str(self.folder), "the folder's name goes into a shell script"
        self._backend.touch(mode=0o700)
        self._backend.write_text(BACKEND_SCRIPT.replace("@FOLDER@", str(self.folder)))
        self._run_cupsd()
        self._add_printer()

    def _run_cupsd(self) -> None:
        files_conf, cupsd_conf = self._state / "cups-files.conf", self._state / "cupsd.conf"
        self._cupsd = subprocess.Popen(
            ["/usr/sbin/cupsd", "-f", "-c", cupsd_conf, "-s", files_conf],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        (self._state / "cupsd.pid").write_text(str(self._cupsd.pid))
        self._wait_for_socket()

    def _wait_for_socket(self) -> None:
        assert self._cupsd
        deadline = time.monotonic() + START_LIMIT_S
        while not Path(self.server).exists():
            if self._cupsd.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"cupsd did not start, exit {self._cupsd.returncode}")
            time.sleep(0.05)

    def _add_printer(self) -> None:
        device = f"{self._backend.name}:/"
        ppd = str(self._state / "printer.ppd")
        lpadmin = ("lpadmin", "-h", self.server)
        self._run(*lpadmin, "-p", self.printer, "-D", LABEL, "-E", "-v", device, "-P", ppd)
        self._run(*lpadmin, "-d", self.printer)

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=START_LIMIT_S, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")


def _remove_left_behind() -> None:
    """What queues leave that were killed: a backend, a folder, and a cupsd that runs on."""
    for backend in BACKENDS.glob(f"{PREFIX}*"):
        if not _is_running(backend.name.removeprefix(PREFIX)):
            backend.unlink(missing_ok=True)
    for state in STATES.glob(f"{STATE_PREFIX}*-*"):
        if not _is_running(state.name.removeprefix(STATE_PREFIX)):
            _end_cupsd(state)
            shutil.rmtree(state, ignore_errors=True)


def _is_running(name: str) -> bool:
    return Path("/proc", name.split("-")[0]).exists()


def _end_cupsd(state: Path) -> None:
    """Only the process started for this folder: its number may be another's by now."""
    try:
        number = int((state / "cupsd.pid").read_text())
        command = Path("/proc", str(number), "cmdline").read_bytes()
        if str(state).encode() in command:
            os.kill(number, signal.SIGKILL)  # Asked to end, it would write to the folder once more.
            _wait_for_end(number)
    except (OSError, ValueError):
        return


def _wait_for_end(number: int) -> None:
    """A zombie has no command line any more, and writes no files."""
    deadline = time.monotonic() + STOP_LIMIT_S
    command = Path("/proc", str(number), "cmdline")
    while command.exists() and command.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.02)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", metavar="DIR", type=Path)
    folder = parser.parse_args().folder
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with VirtualQueue(folder) as queue:
        print(f"CUPS_SERVER={queue.server}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
