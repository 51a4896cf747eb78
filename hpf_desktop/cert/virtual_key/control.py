"""What a virtual key can be told, one command a line; ``help`` lists them."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from hpf_desktop.cert.virtual_key.card import Credential, PivCard
from hpf_desktop.cert.virtual_key.tricks import ANY, INSTRUCTIONS, Action, Trick

HELP = """\
insert | pull                     plug the key in or pull it
tries N                           the PIN counter, 0 is locked
on WHEN pull                      WHEN: select read verify sign more any
on WHEN delay SECONDS             answer late
on WHEN status SW                 answer only SW, for example 6982
on WHEN do-and-status SW          do it, and answer SW all the same
      each followed by [skip N] [times N]
certificate plain|gzip|none       how the certificate is stored
lengths loose|exact               6Cxx for any other Le
counter shown|hidden              a wrong PIN with or without the number of tries
name any|short                    which forms of the application's name are known
signatures good|broken
atr good|bad
calm                              forget all tricks and manners
state                             inserted, tries left, VERIFY commands seen"""

SWITCHES = {
    "lengths": ("insists_on_length", {"loose": False, "exact": True}),
    "counter": ("hides_counter", {"shown": False, "hidden": True}),
    "name": ("knows_only_short_name", {"any": False, "short": True}),
    "signatures": ("breaks_signatures", {"good": False, "broken": True}),
    "atr": ("sends_bad_atr", {"good": False, "bad": True}),
}


class Link(Protocol):
    """Where the key is plugged in."""

    card: PivCard

    @property
    def is_inserted(self) -> bool: ...

    def insert(self) -> None: ...

    def pull(self) -> None: ...


class Control:
    """Obeys lines; an answer starts with ``ok`` or ``error``."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._card = link.card
        self._original = dict(link.card.credentials)

    def obey(self, line: str) -> str:
        words = line.split()
        if not words or words == ["help"]:
            return HELP
        try:
            return f"ok {self._do(*words)}".rstrip()
        except (ValueError, KeyError, TypeError, IndexError):
            return f"error: not understood: {line.strip()[:80]}"

    def _do(self, verb: str, *words: str) -> str:
        if verb in SWITCHES:
            name, choices = SWITCHES[verb]
            (choice,) = words
            setattr(self._card.manners, name, choices[choice])
            return ""
        verbs: dict[str, Callable[..., str]] = {
            "insert": self._insert,
            "pull": self._pull,
            "tries": self._tries,
            "on": self._on,
            "certificate": self._certificate,
            "calm": self._calm,
            "state": self._state,
        }
        return verbs[verb](*words)

    def _insert(self) -> str:
        self._link.insert()
        return ""

    def _pull(self) -> str:
        self._link.pull()
        return ""

    def _tries(self, count: str) -> str:
        tries = int(count)
        if not 0 <= tries <= 15:
            raise ValueError(count)
        self._card.tries_left = tries
        return ""

    def _on(self, when: str, action: str, *rest: str) -> str:
        if when != ANY and when not in INSTRUCTIONS:
            raise ValueError(when)
        kind = Action(action)
        words = list(rest)
        value = words.pop(0) if kind is not Action.PULL else "0"
        options = dict(zip(words[::2], map(int, words[1::2]), strict=True))
        skip, times = options.pop("skip", 0), options.pop("times", 1)
        if options:
            raise ValueError(rest)
        seconds = float(value) if kind is Action.DELAY else 0.0
        sw = int(value, 16) if kind in (Action.STATUS, Action.DO_AND_STATUS) else 0
        if not (0 <= sw <= 0xFFFF and 0 <= seconds <= 600):
            raise ValueError(value)
        self._card.tricks.add(Trick(when, kind, seconds, sw, skip, times))
        return ""

    def _certificate(self, how: str) -> str:
        if how not in ("plain", "gzip", "none"):
            raise ValueError(how)
        self._card.manners.gzips_certificate = how == "gzip"
        self._card.credentials = {
            slot: Credential(held.key, None if how == "none" else held.certificate)
            for slot, held in self._original.items()
        }
        return ""

    def _calm(self) -> str:
        self._card.tricks.clear()
        self._certificate("plain")
        for name, choices in SWITCHES.values():
            setattr(self._card.manners, name, next(iter(choices.values())))
        return ""

    def _state(self) -> str:
        where = "inserted" if self._link.is_inserted else "pulled"
        return f"{where} tries={self._card.tries_left} verifies={self._card.verify_count}"


def serve_control(control: Control, path: Path) -> socketserver.BaseServer:
    """A Unix socket for tests and the demo; only this user may write to it."""

    class Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                answer = control.obey(line.decode(errors="replace"))
                self.wfile.write(answer.encode() + b"\n")

    path.unlink(missing_ok=True)
    server = socketserver.ThreadingUnixStreamServer(str(path), Conversation)
    path.chmod(0o600)
    threading.Thread(target=server.serve_forever, name="key-control", daemon=True).start()
    return server
