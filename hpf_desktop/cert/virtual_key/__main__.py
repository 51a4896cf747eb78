"""Runs a virtual key in vpcd's reader until it is told to end; obeys lines on standard input."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from hpf_desktop.cert.virtual_key.card import PivCard
from hpf_desktop.cert.virtual_key.control import Control, serve_control
from hpf_desktop.cert.virtual_key.files import load_credential
from hpf_desktop.cert.virtual_key.vpcd import PORT, VpcdLink


def main() -> int:
    options = _options()
    card = PivCard(
        {options.slot: load_credential(options.pfx_or_pem, options.password)},
        options.pin,
        options.tries,
    )
    if options.encryption:
        card.credentials[0x9D] = load_credential(options.encryption, options.password)
    link = VpcdLink(card, options.port)
    control = Control(link)
    ended = threading.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: ended.set())
    if options.control:
        serve_control(control, options.control)
    link.insert()
    threading.Thread(target=_listen, args=(control,), daemon=True).start()
    ended.wait()
    link.pull()
    return 0


def _listen(control: Control) -> None:
    for line in sys.stdin:
        print(control.obey(line), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hpf_desktop.cert.virtual_key")
    parser.add_argument(
        "--pfx-or-pem", nargs="+", type=Path, required=True, metavar="FILE",
        help="a PKCS#12 file, or a private key and its certificate",
    )  # fmt: skip
    parser.add_argument("--encryption", nargs="+", type=Path, metavar="FILE", help="for slot 9D")
    parser.add_argument("--password", help="of the files")
    parser.add_argument("--slot", type=lambda text: int(text, 16), default=0x9A, help="9A or 9C")
    parser.add_argument("--pin", default="123456")
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--control", type=Path, metavar="SOCKET", help="obeys lines here too")
    options = parser.parse_args()
    if len(options.pfx_or_pem) > 2 or options.slot not in (0x9A, 0x9C):
        parser.error("at most two files, and slot 9A or 9C")
    return options


if __name__ == "__main__":
    sys.exit(main())
