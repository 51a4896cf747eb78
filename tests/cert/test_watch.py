"""The monitor: what it says of keys, readers and the service coming and going."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpf_desktop.cert.problems import Fault
from hpf_desktop.cert.token import ReaderState
from hpf_desktop.cert.virtual_key.in_process import READER, InProcessReaders
from hpf_desktop.cert.watch import KeyEvent, KeyEventKind, KeyWatch, differences
from tests.cert.keys import card

LIMIT_S = 5.0
KIND = KeyEventKind


class Heard:
    def __init__(self) -> None:
        self.events: queue.Queue[KeyEvent] = queue.Queue()

    def expect(self, *kinds: KeyEventKind) -> list[KeyEvent]:
        events = [self.events.get(timeout=LIMIT_S) for _ in kinds]
        assert tuple(event.kind for event in events) == kinds
        return events

    def nothing(self) -> bool:
        return self.events.empty()


@pytest.fixture
def readers() -> InProcessReaders:
    return InProcessReaders()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def watch(readers: InProcessReaders, heard: Heard) -> Iterator[KeyWatch]:
    watch = KeyWatch(readers.open, heard.events.put)
    watch.start()
    yield watch
    watch.stop()


def test_key_comes_and_goes(watch: KeyWatch, readers: InProcessReaders, heard: Heard) -> None:
    heard.expect(KIND.SERVICE_BACK, KIND.NO_KEY)
    key = card()
    readers.insert(key)
    (event,) = heard.expect(KIND.INSERTED)
    assert (event.reader, event.atr, event.fault) == (READER, key.atr, None)
    assert watch.state.value == "inserted"
    assert [present.reader for present in watch.present()] == [READER]
    readers.pull()
    removed, _ = heard.expect(KIND.REMOVED, KIND.NO_KEY)
    assert removed.insertion == event.insertion
    assert watch.present() == ()
    assert watch.state.value == "no key"
    assert heard.nothing()


def test_key_present_at_start_is_told(readers: InProcessReaders, heard: Heard) -> None:
    readers.insert(card())
    watch = KeyWatch(readers.open, heard.events.put)
    watch.start()
    heard.expect(KIND.SERVICE_BACK, KIND.INSERTED)
    watch.stop()


def test_reader_comes_and_goes(watch: KeyWatch, readers: InProcessReaders, heard: Heard) -> None:
    heard.expect(KIND.SERVICE_BACK, KIND.NO_KEY)
    readers.unplug_reader()
    (event,) = heard.expect(KIND.NO_READER)
    assert event.fault is Fault.NO_READER
    readers.insert(card())
    heard.expect(KIND.INSERTED)
    readers.unplug_reader()
    heard.expect(KIND.REMOVED, KIND.NO_READER)


def test_service_gone_and_back_goes_on_by_itself(
    watch: KeyWatch, readers: InProcessReaders, heard: Heard
) -> None:
    heard.expect(KIND.SERVICE_BACK, KIND.NO_KEY)
    readers.insert(card())
    heard.expect(KIND.INSERTED)
    for _ in range(2):
        readers.stop_service()
        _, gone = heard.expect(KIND.REMOVED, KIND.SERVICE_GONE)
        assert gone.fault is Fault.SERVICE_STOPPED
        readers.start_service()
        heard.expect(KIND.SERVICE_BACK, KIND.INSERTED)


def test_watch_started_without_service_waits_for_it(
    readers: InProcessReaders, heard: Heard
) -> None:
    readers.stop_service()
    watch = KeyWatch(readers.open, heard.events.put)
    watch.start()
    heard.expect(KIND.SERVICE_GONE)
    readers.start_service()
    heard.expect(KIND.SERVICE_BACK, KIND.NO_KEY)
    watch.stop()


def test_stopped_watch_says_nothing_more(
    watch: KeyWatch, readers: InProcessReaders, heard: Heard
) -> None:
    heard.expect(KIND.SERVICE_BACK, KIND.NO_KEY)
    watch.stop()
    readers.insert(card())
    assert heard.nothing()


def test_swap_between_two_looks_shows_by_the_counter() -> None:
    before = (ReaderState("a", b"1", insertions=1, has_card=True),)
    after = (ReaderState("a", b"1", insertions=3, has_card=True),)
    assert [event.kind for event in differences(before, after)] == [KIND.SWAPPED]
    assert differences(after, after) == ()


states = st.lists(
    st.builds(
        ReaderState,
        name=st.sampled_from("abc"),
        insertions=st.integers(0, 3),
        has_card=st.booleans(),
    ),
    unique_by=lambda state: state.name,
).map(tuple)


@given(states, states)
def test_differences_applied_to_the_keys_before_give_the_keys_now(
    before: tuple[ReaderState, ...], now: tuple[ReaderState, ...]
) -> None:
    keys = {state.name: state.insertions for state in before if state.has_card}
    for event in differences(before, now):
        if event.kind is KIND.REMOVED:
            del keys[event.reader]
        else:
            assert (event.reader in keys) == (event.kind is KIND.SWAPPED)
            keys[event.reader] = event.insertion
    assert keys == {state.name: state.insertions for state in now if state.has_card}
