"""Drafts: sealed on disk, whole after a kill, only with a keyring worth the name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend

from hpf_desktop import remembered
from hpf_desktop.drafts import Drafts, draft_key
from server.business.refusals import Refused

KEY = bytes(range(32))
ROWS = {1: {"name": "张三", "id_number": "532301199003070038"}, 2: {"name": "李四"}}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Drafts]:
    opened = Drafts.open(tmp_path / "sub" / "drafts.db", KEY)
    yield opened
    opened.close()


def test_draft_comes_back_in_its_order(box: Drafts) -> None:
    box.save("sealing", 7, {"month": "2026-07"}, ROWS, [2, 1])
    draft = box.load("sealing", 7)
    assert draft is not None
    assert draft.rows == [ROWS[2], ROWS[1]]
    assert draft.head == {"month": "2026-07"}
    assert box.load("sealing", 8) is None
    assert box.load("unsealing", 7) is None


def test_later_save_writes_only_what_changed_and_forgets_removed_rows(box: Drafts) -> None:
    box.save("sealing", 7, {}, {**ROWS, 3: {"name": "王五"}}, [1, 2, 3])
    box.save("sealing", 7, {}, {2: {"name": "李四改"}}, [1, 2])
    draft = box.load("sealing", 7)
    assert draft is not None
    assert draft.rows == [ROWS[1], {"name": "李四改"}]
    box.save("sealing", 7, {}, {}, [1, 3, 2])
    again = box.load("sealing", 7)
    assert again is not None and again.rows[1] == {}, "a removed row does not come back"


def test_draft_box_lists_and_forgets(box: Drafts) -> None:
    box.save("sealing", 7, {}, ROWS, [1, 2])
    saved_at = box.save("unsealing", 7, {}, ROWS, [1])
    summaries = box.list()
    assert [(s.business_code, s.row_count) for s in summaries] == [("unsealing", 1), ("sealing", 2)]
    assert summaries[0].saved_at == saved_at
    box.discard("sealing", 7)
    assert [s.business_code for s in box.list()] == ["unsealing"]
    assert box.load("sealing", 7) is None


def test_nothing_readable_is_on_the_disk(tmp_path: Path) -> None:
    box = Drafts.open(tmp_path / "drafts.db", KEY)
    box.save("sealing", 7, {"note": "张三"}, ROWS, [1, 2])
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    box.close()
    for secret in ("张三", "532301199003070038", "李四"):
        assert secret.encode() not in content


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the folder to its owner by itself")
def test_draft_box_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    box = Drafts.open(folder / "drafts.db", KEY)
    box.save("sealing", 7, {"note": "张三"}, ROWS, [1, 2])
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}
    box.close()
    assert modes.pop("kept") == 0o700
    assert len(modes) >= 2 and set(modes.values()) == {0o600}


def test_other_key_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "drafts.db"
    box = Drafts.open(path, KEY)
    box.save("sealing", 7, {}, ROWS, [1, 2])
    box.close()
    other = Drafts.open(path, bytes(32))
    assert len(other.list()) == 1
    with pytest.raises(Refused) as refused:
        other.load("sealing", 7)
    other.close()
    assert refused.value.reason.code == "S22"


def test_row_moved_to_another_unit_does_not_open(box: Drafts) -> None:
    box.save("sealing", 7, {}, ROWS, [1, 2])
    box.save("sealing", 8, {}, {}, [1, 2])
    box._connection.execute("UPDATE draft_row SET unit_id = 8")
    with pytest.raises(Refused) as refused:
        box.load("sealing", 8)
    assert refused.value.reason.code == "S22"


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database" * 500)
    with pytest.raises(Refused) as refused:
        Drafts.open(tmp_path / "a.db", KEY)
    assert refused.value.reason.code == "S24"


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(
    st.lists(
        st.dictionaries(
            st.integers(1, 8), st.dictionaries(st.sampled_from("ab"), st.text(max_size=5))
        )
    )
)
def test_any_number_of_partial_saves_adds_up(
    box: Drafts, saves: list[dict[int, dict[str, str]]]
) -> None:
    box.discard("sealing", 7)
    known: dict[int, dict[str, str]] = {}
    for changed in saves:
        known |= changed
        box.save("sealing", 7, {}, changed, sorted(known))
    draft = box.load("sealing", 7)
    assert (draft.rows if draft else []) == [known[row] for row in sorted(known)]


CRASH = """
import os, signal, sys
from pathlib import Path
from hpf_desktop.drafts import Drafts
box = Drafts.open(Path(sys.argv[1]), bytes(range(32)))
for n in range(1, 100_000):
    box.save("sealing", 7, {}, {n: {"name": "张三"}}, range(1, n + 1))
    print(n, flush=True)
"""


def test_draft_survives_kill_nine(tmp_path: Path) -> None:
    path = tmp_path / "drafts.db"
    root = Path(__file__).resolve().parents[1]
    program = [sys.executable, "-c", textwrap.dedent(CRASH), str(path)]
    with subprocess.Popen(program, cwd=root, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(20)]
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait(timeout=10)
    box = Drafts.open(path, KEY)
    draft = box.load("sealing", 7)
    box.close()
    assert draft is not None
    assert len(draft.rows) >= told[-1]
    assert all(row == {"name": "张三"} for row in draft.rows)


class MemoryKeyring(KeyringBackend):
    """A keyring that forgets; its class is put on the list by the tests that trust it."""

    priority = 1.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    before, made = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def trust(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{MemoryKeyring.__module__}.{MemoryKeyring.__qualname__}"
    monkeypatch.setattr(remembered, "KEYRINGS", frozenset({name}))


def test_key_is_made_once_and_kept(
    memory_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch)
    first = draft_key()
    assert len(first) == 32
    assert draft_key() == first
    assert len(memory_keyring.kept) == 1


def test_keyring_that_is_not_on_the_list_is_not_used(memory_keyring: MemoryKeyring) -> None:
    with pytest.raises(Refused) as refused:
        draft_key()
    assert refused.value.reason.code == "S21"
    assert memory_keyring.kept == {}


def test_no_keyring_is_told_plainly() -> None:
    from keyring.backends.fail import Keyring

    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(Refused) as refused:
            draft_key()
    finally:
        keyring.set_keyring(before)
    assert "不会自动保存" in refused.value.reason.text


def test_spoilt_key_is_refused_not_used(
    memory_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch)
    memory_keyring.set_password(remembered.SERVICE, remembered.DRAFT_KEY, "not base64!")
    with pytest.raises(Refused):
        draft_key()
    memory_keyring.set_password(remembered.SERVICE, remembered.DRAFT_KEY, "c2hvcnQ=")
    with pytest.raises(Refused):
        draft_key()


def test_unit_is_remembered_and_forgotten(
    memory_keyring: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(monkeypatch)
    assert remembered.read(remembered.UNIT) is None
    remembered.keep(remembered.UNIT, "532300000123")
    assert remembered.read(remembered.UNIT) == "532300000123"
    remembered.keep(remembered.UNIT, "")
    remembered.keep(remembered.UNIT, "")
    assert memory_keyring.kept == {}


def test_without_a_keyring_no_unit_is_remembered(memory_keyring: MemoryKeyring) -> None:
    works = (lambda: remembered.read("unit"), lambda: remembered.keep("unit", "1"))
    for work in works:
        with pytest.raises(Refused) as refused:
            work()
        assert refused.value.reason.code == "S23"
    assert memory_keyring.kept == {}
