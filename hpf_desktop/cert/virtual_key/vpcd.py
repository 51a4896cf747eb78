"""Plugs a virtual key into pcscd: the wire protocol of vpcd's virtual reader."""

from __future__ import annotations

import contextlib
import socket
import threading

from hpf_desktop.cert.virtual_key.card import PivCard
from hpf_desktop.cert.virtual_key.tricks import Pulled

PORT = 35963  # The first slot of vpcd's standard configuration; the second is one higher.
POWER_OFF, POWER_ON, RESET, SEND_ATR = 0, 1, 2, 4
RECONNECT_S = 0.2
CONNECT_LIMIT_S = 2.0
STOP_LIMIT_S = 2.0
# Linux only; without it each command takes 45 ms, because the reader writes a message in two parts.
QUICKACK = getattr(socket, "TCP_QUICKACK", None)


class VpcdLink:
    """Connected is inserted, closed is pulled. Stays inserted through restarts of pcscd."""

    def __init__(self, card: PivCard, port: int = PORT, host: str = "127.0.0.1") -> None:
        self.card = card
        self._address = (host, port)
        self._wanted = threading.Event()
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def is_inserted(self) -> bool:
        return self._wanted.is_set()

    def insert(self) -> None:
        with self._lock:
            if self._thread is not None and self._thread.is_alive() and self._wanted.is_set():
                return
            self._wanted = threading.Event()
            self._wanted.set()
            self._thread = threading.Thread(
                target=self._run, args=(self._wanted,), name="virtual-key", daemon=True
            )
            self._thread.start()

    def pull(self) -> None:
        with self._lock:
            self._wanted.clear()
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_LIMIT_S)

    def _run(self, wanted: threading.Event) -> None:
        while wanted.is_set():
            try:
                with socket.create_connection(self._address, CONNECT_LIMIT_S) as connection:
                    connection.settimeout(None)
                    self._socket = connection
                    self._serve(connection, wanted)
            except Pulled:
                wanted.clear()
            except OSError:
                # pcscd is not there, or went: a plugged key waits for the next one.
                threading.Event().wait(RECONNECT_S)
            finally:
                self._socket = None
                self.card.power()

    def _serve(self, connection: socket.socket, wanted: threading.Event) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while wanted.is_set():
            message = _read(connection, int.from_bytes(_read(connection, 2), "big"))
            reply = self._reply(message)
            if reply is not None:
                connection.sendall(len(reply).to_bytes(2, "big") + reply)

    def _reply(self, message: bytes) -> bytes | None:
        if len(message) != 1:
            return self.card.answer(message)
        if message[0] == SEND_ATR:
            return self.card.atr
        if message[0] in (POWER_OFF, POWER_ON, RESET):
            self.card.power()
        return None


def _read(connection: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        part = connection.recv(length - len(received))
        if QUICKACK is not None:
            connection.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
        if not part:
            raise ConnectionResetError("the reader closed the connection")
        received += part
    return bytes(received)
