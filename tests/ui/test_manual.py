"""The manual has a page for every topic that F1 can ask for, and its links lead somewhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtWidgets import QTextBrowser

from hpf_desktop.ui.manual import FOLDER, TOPICS, Manual
from server.business.businesses import BUSINESSES


def test_every_business_has_a_topic() -> None:
    assert {b.code for b in BUSINESSES} <= set(TOPICS)
    assert {file.stem for file in FOLDER.glob("*.md")} == set(TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_links_of_a_topic_lead_to_topics(topic: str) -> None:
    text = (FOLDER / f"{topic}.md").read_text("utf-8")
    assert text.startswith("# ")
    assert set(re.findall(r"\]\(([^)]+)\)", text)) <= set(TOPICS)


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_manual_opens_at_a_topic_and_follows_links(qtbot: Any) -> None:
    manual = Manual()
    qtbot.addWidget(manual)
    manual.open_topic("prepayment")
    text = manual.findChild(QTextBrowser, "manual_text")
    assert "预缴户" in text.toPlainText()
    manual._link_followed(QUrl("remittance"))
    assert "终止年月" in text.toPlainText()
    manual.open_topic("no such topic")
    assert "操作手册" in text.toPlainText()
