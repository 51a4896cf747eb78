"""The operator's manual (F1): its pages, a search over them, and all of it as one PDF."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, QUrl
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenuBar,
    QSplitter,
    QStackedWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop import tasks
from hpf_desktop.log import explain
from hpf_desktop.manual.search import Hit, Index
from hpf_desktop.manual.topics import ERRORS, FIRST, topics
from hpf_desktop.ui.manual_view import ManualView
from hpf_desktop.ui.messages import MessageBar
from hpf_desktop.ui.theme import fit
from server.business.refusals import REFUSALS

ROLE = Qt.ItemDataRole.UserRole
FILE_NAME = "操作手册.pdf"
INTO_LIST = (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp)


class Manual(QWidget):
    """A window of its own, so that it stays open beside the work."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setObjectName("manual")
        self.setWindowTitle("操作手册")
        self._topics = topics()
        self._index = Index(self._topics.values())
        self._been: list[str] = []
        self._code = ""
        self._tree = self._make_tree()
        self._hits = QListWidget(objectName="manual_hits", wordWrap=True)
        self._hits.setAccessibleName("搜索结果")
        self._hits.itemActivated.connect(lambda _: self._open_hit())
        self._hits.itemClicked.connect(lambda _: self._open_hit())
        self._search = QLineEdit(objectName="manual_search", clearButtonEnabled=True)
        self._search.setPlaceholderText("搜索：字、编号或拼音首字母")
        self._search.setAccessibleName("搜索手册")
        self._search.textChanged.connect(self._typed)
        self._search.returnPressed.connect(self._open_hit)
        self._search.installEventFilter(self)
        self._found = QLabel(objectName="manual_found")
        self._text = ManualView()
        self._text.anchorClicked.connect(self._link_followed)
        self._bar = MessageBar(self)
        self._lay_out()

    def _lay_out(self) -> None:
        self._lists = QStackedWidget()
        self._lists.addWidget(self._tree)
        self._lists.addWidget(self._hits)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self._search, self._found):
            column.addWidget(widget)
        column.addWidget(self._lists, 1)
        self._found.hide()
        split = QSplitter()
        split.addWidget(left)
        split.addWidget(self._text)
        split.setStretchFactor(1, 1)
        whole = QVBoxLayout(self)
        whole.setMenuBar(self._menu_bar())
        whole.addWidget(self._bar)
        whole.addWidget(split)
        fit(self, 150, 46)
        wide = (
            self._tree.sizeHintForColumn(0) + 2 * self._tree.verticalScrollBar().sizeHint().width()
        )
        split.setSizes([min(wide, self.width() // 3), self.width()])

    def _menu_bar(self) -> QMenuBar:
        bar = QMenuBar(self)
        menu = bar.addMenu("手册(&M)")
        for text, name, slot, key in (
            ("搜索", "manual_find", self._go_search, "Ctrl+F"),
            ("后退", "manual_back", self._go_back, "Alt+Left"),
            ("导出手册 PDF…", "manual_export", self._ask_export, "Ctrl+E"),
            ("关闭", "manual_close", self.close, "Ctrl+W"),
        ):
            made = QAction(text, self, objectName=name)
            made.setShortcut(QKeySequence(key))
            made.triggered.connect(lambda _=False, slot=slot: slot())
            menu.addAction(made)
        return bar

    def _make_tree(self) -> QTreeWidget:
        tree = QTreeWidget(objectName="manual_topics", headerHidden=True, rootIsDecorated=False)
        tree.setAccessibleName("手册目录")
        tree.setIndentation(tree.fontMetrics().averageCharWidth() * 2)
        groups: dict[str, QTreeWidgetItem] = {}
        self._items: dict[str, QTreeWidgetItem] = {}
        for topic in self._topics.values():
            if topic.group not in groups:
                groups[topic.group] = QTreeWidgetItem(tree, [topic.group])
                groups[topic.group].setFlags(Qt.ItemFlag.ItemIsEnabled)
            item = QTreeWidgetItem(groups[topic.group], [topic.title])
            item.setData(0, ROLE, topic.code)
            self._items[topic.code] = item
        tree.expandAll()
        tree.currentItemChanged.connect(self._topic_chosen)
        return tree

    # --- Pages ---

    def open_topic(self, place: str) -> None:
        """``place`` is a topic, and after # a word or code to go to. An unknown topic opens the
        first page, a code that the topic does not tell of the page of all codes."""
        topic, _, word = place.partition("#")
        self._search.clear()
        self._show_topic(topic if topic in self._topics else FIRST)
        self.show()
        self.raise_()
        self.activateWindow()
        self._tree.setFocus(Qt.FocusReason.OtherFocusReason)
        if word and not self._text.go_to(word) and word in REFUSALS:
            self._show_topic(ERRORS)
            self._text.go_to(word)

    def _show_topic(self, code: str) -> None:
        if code == self._code:
            return
        if self._code:
            self._been.append(self._code)
        self._code = code
        self._tree.setCurrentItem(self._items[code])
        self._text.show_page(self._topics[code].markdown())

    def _topic_chosen(self, item: QTreeWidgetItem | None) -> None:
        if item is not None and item.data(0, ROLE):
            self._show_topic(item.data(0, ROLE))

    def _link_followed(self, link: QUrl) -> None:
        """Links name topics."""
        self.open_topic(link.toString())

    def _go_back(self) -> None:
        if self._been:
            code, self._code = self._been.pop(), ""
            self._show_topic(code)

    # --- Search ---

    def _go_search(self) -> None:
        self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._search.selectAll()

    def _typed(self, text: str) -> None:
        hits = self._index.find(text)
        self._hits.clear()
        for hit in hits:
            item = QListWidgetItem(hit.title + (f"\n{hit.words}" if hit.words else ""))
            item.setData(ROLE, hit)
            self._hits.addItem(item)
        if hits:
            self._hits.setCurrentRow(0)
        is_searching = bool(text.strip())
        self._lists.setCurrentWidget(self._hits if is_searching else self._tree)
        self._found.setVisible(is_searching)
        self._found.setText(f"找到 {len(hits)} 页，回车打开，Esc 返回目录" if hits else "没有找到")

    def _open_hit(self) -> None:
        if item := self._hits.currentItem():
            hit: Hit = item.data(ROLE)
            self._show_topic(hit.code)
            if hit.found:
                self._text.go_to(self._search.text().strip()) or self._text.go_to(hit.found)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """From the search box the arrows choose among what was found."""
        is_press = isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress
        is_searching = self._lists.currentWidget() is self._hits
        if is_press and is_searching and event.key() in INTO_LIST:
            self._hits.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Esc leaves the search, and then the manual."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self._search.text():
            self._search.clear()
            self._tree.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.close()

    # --- PDF ---

    def _ask_export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "导出手册", FILE_NAME, "PDF (*.pdf)")
        if path:
            self.export_to(Path(path).with_suffix(".pdf"))

    def export_to(self, path: Path) -> None:
        def work(_: tasks.Progress) -> None:
            from hpf_desktop.manual.pdf import write_pdf  # Late: it brings a PDF library.

            write_pdf(path)

        self._bar.tell("正在导出手册…")
        tasks.run(
            work,
            lambda _: self._bar.tell(f"已导出到 {path}", level="passed"),
            lambda error: self._bar.show_problem(explain(error)),
            owner=self,
        )
