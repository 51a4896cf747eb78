"""The log names places and never what was typed."""

from __future__ import annotations

from pathlib import Path

from hpf_desktop import log
from server.business.refusals import refused


def broken(name: str) -> BaseException:
    try:
        raise ValueError(f"no such person {name}")
    except ValueError as error:
        return error


def test_unexpected_error_is_logged_under_its_number_without_its_words(tmp_path: Path) -> None:
    log.open_log(tmp_path)
    told = log.explain(broken("王小明"))
    log.close_log()
    written = (tmp_path / "hpf_desktop.log").read_text("utf-8")
    assert told.code == "W01"
    number = next(line for line in written.splitlines() if "report" in line).split()[4].rstrip(":")
    assert number in told.text
    assert "王小明" not in written and "ValueError at test_log.py" in written


def test_refusal_is_told_as_it_is_and_not_logged(tmp_path: Path) -> None:
    log.open_log(tmp_path)
    assert log.explain(refused("N06")).code == "N06"
    log.close_log()
    assert (tmp_path / "hpf_desktop.log").read_text("utf-8") == ""
