"""A desktop for tests: the fake server, a virtual key in this process, and pages on a desk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtWidgets import QApplication

from hpf_desktop import tasks
from hpf_desktop.cert.call import Call
from hpf_desktop.cert.sign_in import list_certificates
from hpf_desktop.cert.virtual_key.in_process import InProcessReaders
from hpf_desktop.session import PinEntry, Session
from hpf_desktop.settings import Settings
from hpf_desktop.ui import theme
from hpf_desktop.ui.key_watch import KeySignals
from hpf_desktop.ui.page import Desk
from tests.cert.keys import PIN, card
from tests.fakes.client import FakeClient


@pytest.fixture(scope="session", autouse=True)
def look(qapp: QApplication) -> None:
    theme.prepare(qapp)
    theme.apply(qapp, "light", 100)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the settings of whoever runs it."""
    monkeypatch.setenv("HPF_DESKTOP_FOLDER", str(tmp_path / "hpf"))


@pytest.fixture(autouse=True)
def no_work_left(qapp: QApplication) -> Iterator[None]:
    yield
    assert tasks.finish_all(5_000), "work went on after its test"


@pytest.fixture(autouse=True)
def no_window_left(qapp: QApplication) -> Iterator[None]:
    """A dialog left open would become the parent of the next test's, and take it along."""
    yield
    for window in qapp.topLevelWidgets():
        window.hide()


@pytest.fixture
def slot() -> InProcessReaders:
    """A reader with the unit's key in it."""
    made = InProcessReaders()
    made.insert(card())
    return made


@pytest.fixture
def keys(slot: InProcessReaders, qtbot: Any) -> Iterator[KeySignals]:
    made = KeySignals(slot.open)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def desk(client: FakeClient, slot: InProcessReaders, keys: KeySignals) -> Desk:
    """As after a login with the key that is in the slot."""
    session = Session(client, slot.open)
    session.certificate = list_certificates(slot.open, Call()).preselected
    entry = PinEntry(session.certificate, bytearray(PIN.encode()), Call())
    session.standing = session.log_in(entry)
    session.facts = client.facts()
    client.calls.clear()
    return Desk(session, keys, Settings())
