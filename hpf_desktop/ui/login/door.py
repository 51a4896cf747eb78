"""Before the login: one connection with one cookie, for a picture and the password after it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hpf_desktop.session import Session


class Door:
    """Opens a session when it is first asked for one; workers may ask at the same time."""

    def __init__(self, open_session: Callable[[], Session]) -> None:
        self._open_session = open_session
        self._session: Session | None = None
        self._turn = threading.Lock()

    def session(self) -> Session:
        with self._turn:
            if self._session is None:
                self._session = self._open_session()
            return self._session

    def hand_over(self) -> None:
        """The session belongs to somebody now; the next one begins anew."""
        with self._turn:
            self._session = None
