"""Settings survive a restart, and nothing that is wrong in their file stops the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpf_desktop.settings import Printing, Settings, load, save
from server.business.refusals import Refused


def test_settings_come_back_as_they_were_saved(tmp_path: Path) -> None:
    chosen = Settings(
        "https://hpf.example", "/ca.pem", True, "dark", 150,
        {"remittance": Printing("针式打印机", "A5", "上", 1.5, -2.0)},
    )  # fmt: skip
    save(chosen, tmp_path / "deep" / "settings.json")
    assert load(tmp_path / "deep" / "settings.json") == chosen


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", '{"zoom": "big", "theme": "pink", "printing": 3}', "null"]
)
def test_settings_file_that_is_broken_counts_as_unset(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    assert load(tmp_path / "settings.json") == Settings()


@pytest.mark.parametrize(("stored", "zoom"), [(20, 100), (900, 200), (130, 130)])
def test_zoom_stays_within_its_limits(tmp_path: Path, stored: int, zoom: int) -> None:
    (tmp_path / "settings.json").write_text(f'{{"zoom": {stored}}}')
    assert load(tmp_path / "settings.json").zoom == zoom


def test_settings_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused) as caught:
        save(Settings(), tmp_path / "file" / "settings.json")
    assert caught.value.reason.code == "W03"
