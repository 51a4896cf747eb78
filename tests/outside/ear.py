"""The centre's ear for the bank's notices: a real HTTP door that can be deaf for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from server.outside.bank import read_notice
from server.outside.bank_wire import Detail
from server.outside.sandbox_bank.control import SandboxBank


@dataclass
class Ear:
    key: bytes
    url: str = ""
    refuse: int = 0  # so many deliveries are answered with 500
    heard: list[Detail] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    def about(self, bank_serial: str) -> list[Detail]:
        return [detail for detail in self.heard if detail.bank_serial == bank_serial]

    def wait(self, condition: Callable[[], bool], limit_s: float = 10.0) -> None:
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, "the notice does not come"
            time.sleep(0.02)


@contextmanager
def listening(bank: SandboxBank, refuse: int = 0) -> Iterator[Ear]:
    """The bank's notices reach an ear until the end."""
    ear = Ear(bank.ready.key, refuse=refuse)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            ear.heard.append(read_notice(headers, body, ear.key))
            ear.at.append(time.monotonic())
            self.send_response(500 if len(ear.heard) <= ear.refuse else 200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    ear.url = f"http://127.0.0.1:{server.server_port}/bank/notices"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    bank.set_notices(ear.url)
    try:
        yield ear
    finally:
        bank.set_notices("")
        server.shutdown()
        thread.join()
        server.server_close()
