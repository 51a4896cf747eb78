"""Shows a PDF exactly as it will be printed, page by page, with what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QKeySequence, QPalette, QPixmap, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop import tasks
from hpf_desktop.print.page import NotPdf, opened
from server.business.refusals import problem

T = TypeVar("T")

FIT_WIDTH, FIT_PAGE = "适合宽度", "整页"
ZOOMS = {FIT_WIDTH: 0.0, FIT_PAGE: 0.0, "100%": 1.0, "150%": 1.5, "200%": 2.0}
SCREEN_DPI = 96
MARGIN_PX = 12
SETTLE_MS = 120
PIXELS_MAX = 40_000_000


@dataclass(frozen=True)
class Drawn:
    """One page as a picture, with its words for those who do not see it."""

    image: QImage
    text: str


def sizes_of(pdf: bytes) -> list[tuple[float, float]]:
    """Width and height of every page in points."""
    with opened(pdf) as document:
        return [document.get_page_size(index) for index in range(len(document))]


def draw(pdf: bytes, index: int, scale: float) -> Drawn:
    """`scale` is pixels for a point. Runs in a worker: a QImage may be made in any thread."""
    with opened(pdf) as document:
        page = document[index]
        width, height = page.get_size()
        scale = min(scale, (PIXELS_MAX / (width * height)) ** 0.5)
        bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=True)
        shared = QImage(
            bitmap.buffer, bitmap.width, bitmap.height, bitmap.stride, QImage.Format.Format_RGBX8888
        )
        drawn = Drawn(shared.copy(), page.get_textpage().get_text_bounded())
        bitmap.close()
    return drawn


class Preview(QWidget):
    """Call `show_pdf`; the buttons only ask, the page that holds this widget acts."""

    print_requested = Signal()
    save_requested = Signal()
    open_requested = Signal()
    refused = Signal(object)  # Problem

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.page = 0
        self._pdf, self._title, self._sizes = b"", "", []
        self._wanted = 0  # The number of the newest request; answers to older ones are dropped.
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self._draw)
        self._make_controls()
        self._make_view()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._tools)
        column.addWidget(self.view, 1)
        self._make_shortcuts()
        self.clear()

    def show_pdf(self, pdf: bytes, title: str) -> None:
        """Emits `refused` with P13 when it is no PDF."""
        self.clear()
        self._pdf, self._title = pdf, title
        self._run(partial(sizes_of, pdf), self._opened)

    def clear(self) -> None:
        self._wanted += 1
        self._pdf, self._title, self._sizes, self.page = b"", "", [], 0
        self.picture.clear()
        self.picture.resize(0, 0)
        self._page_changed()

    @property
    def page_count(self) -> int:
        return len(self._sizes)

    def go_to(self, page: int) -> None:
        if self.page_count:
            self.page = max(0, min(page, self.page_count - 1))
            self.view.verticalScrollBar().setValue(0)
            self._page_changed()
            self._draw()

    # --- Making the widget ---

    def _make_controls(self) -> None:
        self.back = self._button("上一页", lambda: self.go_to(self.page - 1), "PgUp")
        self.forth = self._button("下一页", lambda: self.go_to(self.page + 1), "PgDn")
        self.where = QLabel(accessibleName="页码")
        self.zoom = QComboBox(accessibleName="显示比例")
        self.zoom.addItems(list(ZOOMS))
        self.zoom.currentIndexChanged.connect(self._draw)
        self.print_button = self._button("打印", self.print_requested.emit)
        self.save_button = self._button("另存为…", self.save_requested.emit)
        self.open_button = self._button("用系统查看器打开", self.open_requested.emit)
        looking, doing = QHBoxLayout(), QHBoxLayout()
        for widget in (self.back, self.where, self.forth, self.zoom):
            looking.addWidget(widget)
        looking.addStretch(1)
        doing.addStretch(1)
        for widget in (self.open_button, self.save_button, self.print_button):
            doing.addWidget(widget)
        self._lines = (looking, doing)
        self._tools = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        for line in self._lines:
            self._tools.addLayout(line)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name.
        """The controls take two lines where one does not hold them."""
        widest = max(line.minimumSize().width() for line in self._lines)
        return QSize(widest, super().minimumSizeHint().height())

    def _fold(self) -> None:
        needed = sum(line.minimumSize().width() for line in self._lines) + self._tools.spacing()
        way = QBoxLayout.Direction
        folded = way.TopToBottom if self.width() < needed else way.LeftToRight
        if folded != self._tools.direction():
            self._tools.setDirection(folded)

    def event(self, event: QEvent) -> bool:
        """Bigger letters ask for a new layout, too."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fold()
        return super().event(event)

    def _button(self, label: str, clicked, key: str = "") -> QPushButton:
        button = QPushButton(label, accessibleName=label.rstrip("…"))
        button.clicked.connect(lambda _checked: clicked())
        if key:
            button.setToolTip(f"{label}（{key}）")
        return button

    def _make_view(self) -> None:
        self.picture = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.picture.setScaledContents(True)
        self.view = QScrollArea(alignment=Qt.AlignmentFlag.AlignCenter, accessibleName="预览")
        self.view.setFrameShape(QFrame.Shape.StyledPanel)
        self.view.setBackgroundRole(QPalette.ColorRole.Mid)
        self.view.setWidget(self.picture)
        self.view.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def _make_shortcuts(self) -> None:
        within = Qt.ShortcutContext.WidgetWithChildrenShortcut
        keys = {
            Qt.Key.Key_PageUp: lambda: self.go_to(self.page - 1),
            Qt.Key.Key_PageDown: lambda: self.go_to(self.page + 1),
            Qt.Key.Key_Home: lambda: self.go_to(0),
            Qt.Key.Key_End: lambda: self.go_to(self.page_count - 1),
        }
        for key, moved in keys.items():
            QShortcut(QKeySequence(key), self, context=within).activated.connect(moved)
        for key, step in (
            (QKeySequence.StandardKey.ZoomIn, 1),
            (QKeySequence.StandardKey.ZoomOut, -1),
        ):
            shortcut = QShortcut(QKeySequence(key), self, context=within)
            shortcut.activated.connect(partial(self._zoom_stepped, step))

    def _zoom_stepped(self, step: int) -> None:
        index = self.zoom.currentIndex() + step
        if 0 <= index < self.zoom.count():
            self.zoom.setCurrentIndex(index)

    # --- Drawing ---

    def _opened(self, sizes: list[tuple[float, float]]) -> None:
        self._sizes = sizes
        self._page_changed()
        self._draw()

    def _broke(self, error: Exception) -> None:
        if not isinstance(error, NotPdf):
            raise error
        self.clear()
        self.refused.emit(problem("P13"))

    def _page_changed(self) -> None:
        count = self.page_count
        self.where.setText(f"第 {self.page + 1} 页　共 {count} 页" if count else "没有内容")
        self.back.setEnabled(self.page > 0)
        self.forth.setEnabled(self.page < count - 1)
        for button in (self.print_button, self.save_button, self.open_button):
            button.setEnabled(count > 0)
        self.view.setAccessibleName(f"预览 {self._title} {self.where.text()}".strip())

    def _scale(self) -> float:
        """Pixels of the window for a point of the page."""
        width, height = self._sizes[self.page]
        room = self.view.maximumViewportSize() - QSize(2 * MARGIN_PX, 2 * MARGIN_PX)
        across, down = max(room.width(), 1) / width, max(room.height(), 1) / height
        fits = {FIT_WIDTH: across, FIT_PAGE: min(across, down)}
        chosen = self.zoom.currentText()
        return fits.get(chosen, ZOOMS[chosen] * SCREEN_DPI / 72)

    def _draw(self) -> None:
        if not self._sizes:
            return
        scale, ratio = self._scale(), self.devicePixelRatioF()
        width, height = self._sizes[self.page]
        self.picture.resize(round(width * scale), round(height * scale))
        self._run(partial(draw, self._pdf, self.page, scale * ratio), self._drawn)

    def _drawn(self, drawn: Drawn) -> None:
        picture = QPixmap.fromImage(drawn.image)
        picture.setDevicePixelRatio(self.devicePixelRatioF())
        self.picture.setPixmap(picture)
        self.picture.resize(picture.deviceIndependentSize().toSize())
        self.picture.setAccessibleName(self.view.accessibleName())
        self.picture.setAccessibleDescription(drawn.text)

    def _run(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        self._wanted += 1
        request = self._wanted

        def answered(result: T) -> None:
            if request == self._wanted:
                done(result)

        def broke(error: Exception) -> None:
            if request == self._wanted:
                self._broke(error)

        tasks.run(lambda report: work(), answered, broke, self)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name.
        super().resizeEvent(event)
        self._fold()
        self._settle.start()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name.
        super().changeEvent(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._settle.start()
