"""The operator's manual (F1): one page for each topic, in resources/manual."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QSplitter,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop.ui.theme import RESOURCES, fit

FOLDER = RESOURCES / "manual"
TOPICS = {
    "index": "从这里开始",
    "login": "登录、锁定和退出",
    "sheet": "明细表的用法",
    "account_opening": "个人账户设立",
    "sealing": "个人封存",
    "unsealing": "个人启封",
    "prepayment": "预缴",
    "remittance": "汇缴",
    "back_payment": "补缴",
    "receipts": "凭证重打和打印",
    "queries": "查询",
    "settings": "设置",
    "problems": "遇到问题时",
    "keys": "快捷键一览",
}


class Manual(QWidget):
    """A window of its own, so that it stays open beside the work."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("manual")
        self.setWindowTitle("操作手册")
        self._topics = QListWidget(objectName="manual_topics")
        self._topics.setAccessibleName("手册目录")
        for topic, title in TOPICS.items():
            item = QListWidgetItem(title)
            item.setData(Qt.ItemDataRole.UserRole, topic)
            self._topics.addItem(item)
        self._text = QTextBrowser(objectName="manual_text", openLinks=False)
        self._text.setAccessibleName("手册内容")
        self._text.anchorClicked.connect(self._link_followed)
        self._topics.currentItemChanged.connect(self._topic_chosen)
        split = QSplitter()
        split.addWidget(self._topics)
        split.addWidget(self._text)
        split.setStretchFactor(1, 1)
        column = QVBoxLayout(self)
        column.addWidget(split)
        char = self.fontMetrics().averageCharWidth()
        split.setSizes([char * 26, char * 90])
        fit(self, 120, 38)
        for key in ("Esc", "Ctrl+W"):
            QShortcut(QKeySequence(key), self).activated.connect(self.close)

    def open_topic(self, topic: str) -> None:
        """A topic without a page of its own opens the first page."""
        number = list(TOPICS).index(topic) if topic in TOPICS else 0
        self._topics.setCurrentRow(number)
        self.show()
        self.raise_()
        self.activateWindow()

    def _topic_chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            file = FOLDER / f"{item.data(Qt.ItemDataRole.UserRole)}.md"
            self._text.setMarkdown(file.read_text("utf-8"))

    def _link_followed(self, link: QUrl) -> None:
        """Links name topics."""
        self.open_topic(link.toString().removesuffix(".md"))
