"""Cell editors: a line edit that offers what fits (people, choices, months), and one for days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QDate, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCalendarWidget,
    QFrame,
    QHeaderView,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from hpf_desktop import pinyin
from hpf_desktop.ui.sheet.lookup import PeopleIndex
from hpf_desktop.ui.theme import scaled
from server.business.facts import STATUSES, Person
from server.business.kinds import Choice, Invalid, Kind
from server.business.month import Month

SHOWN_ROWS_MAX = 10
ROW_PX = 26
DOWN = int(Qt.Key.Key_Down)
UP = int(Qt.Key.Key_Up)
PAGE_DOWN = int(Qt.Key.Key_PageDown)
PAGE_UP = int(Qt.Key.Key_PageUp)
NOWHERE = QModelIndex()


@dataclass(frozen=True)
class Offer:
    """One line of the list under an editor: ``text`` goes into the cell; the apt are not grey."""

    text: str
    columns: tuple[str, ...]
    is_apt: bool = True


Offers = Callable[[str], Sequence[Offer]]


def people_offers(index: PeopleIndex) -> Offers:
    def offer(person: Person) -> Offer:
        words = (str(person.account), person.name, person.id_tail, STATUSES[person.status])
        return Offer(words[0], words, not index.takes or person.status in index.takes)

    return lambda query: [offer(person) for person in index.find(query)]


def choice_offers(kind: Choice) -> Offers:
    """By code, by any part of the label, by its pinyin initials."""
    every = [
        (code, label, pinyin.initials(label), pinyin.full_pinyin(label))
        for code, label in kind.options.items()
    ]

    def offers(query: str) -> list[Offer]:
        sought = query.strip().lower()
        return [
            Offer(label, (code, label))
            for code, label, letters, spelled in every
            if sought in label or code.startswith(sought) or letters.startswith(sought)
            or spelled.startswith(sought)
        ]  # fmt: skip

    return offers


def month_offers(kind: Kind, now: Month) -> Offers:
    """The year around the business month; 7 finds July."""

    def offers(query: str) -> list[Offer]:
        near = [now.plus(n) for n in (0, 1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6)]
        sought = query.strip()
        return [
            Offer(kind.show(month), (kind.show(month), f"{month.year}年{month.number}月"))
            for month in near
            if not sought or sought in kind.show(month) or sought == str(month.number)
        ]

    return offers


class OfferModel(QAbstractTableModel):
    """The offers as a table."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.offers: Sequence[Offer] = ()
        self.width = 1
        self.muted: Any = None

    def show(self, offers: Sequence[Offer]) -> None:
        self.beginResetModel()
        self.offers = offers
        self.width = len(offers[0].columns) if offers else 1
        self.endResetModel()

    def rowCount(self, parent: Any = NOWHERE) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self.offers)

    def columnCount(self, parent: Any = NOWHERE) -> int:  # noqa: N802
        return 0 if parent.isValid() else self.width

    def data(self, index: Any, role: int = 0) -> Any:
        offer = self.offers[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return offer.columns[index.column()]
        if role == Qt.ItemDataRole.ForegroundRole and not offer.is_apt:
            return self.muted
        return None


class OfferList(QFrame):
    """The list under the editor. It never takes the focus: typing goes on."""

    chosen = Signal(str)

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner, Qt.WindowType.ToolTip | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("offers")
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.table = QTableView(self)
        self.table.setObjectName("offer_table")
        self.table.setMinimumHeight(1)  # One offer needs one line, whatever a table likes to have.
        self.table.setAccessibleName("候选")
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.setFrameShape(QFrame.Shape.NoFrame)
        self.table.setShowGrid(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.table.horizontalHeader().hide()
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.model = OfferModel(self)
        self.model.muted = self.palette().placeholderText()
        self.table.setModel(self.model)
        self.table.clicked.connect(
            lambda index: self.chosen.emit(self.model.offers[index.row()].text)
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.addWidget(self.table)

    def offer(self, offers: Sequence[Offer], below: QWidget) -> None:
        """Shows the offers under ``below``, or above it when the screen ends."""
        self.model.show(offers)
        if not offers:
            self.hide()
            return
        self.table.resizeColumnsToContents()
        widths = [self.table.columnWidth(c) + 12 for c in range(self.model.width)]
        for column, width in enumerate(widths):
            self.table.setColumnWidth(column, width)
        bar = (
            self.table.verticalScrollBar().sizeHint().width() if len(offers) > SHOWN_ROWS_MAX else 0
        )
        width = max(sum(widths) + bar + 4, below.width())
        self.resize(width, self._height_of(min(len(offers), SHOWN_ROWS_MAX)))
        place = below.mapToGlobal(QPoint(0, below.height() + 1))
        screen = below.screen().availableGeometry()
        if place.y() + self.height() > screen.bottom():
            place = below.mapToGlobal(QPoint(0, -self.height() - 1))
        place.setX(max(screen.left(), min(place.x(), screen.right() - width)))
        self.move(place)
        self.show()

    def _height_of(self, rows: int) -> int:
        """Lines grow with their letters, and the frame stands around them."""
        lines = self.table.verticalHeader()
        lines.setDefaultSectionSize(max(scaled(ROW_PX), lines.minimumSectionSize()))
        around = self.layout().totalMinimumSize().height() - self.table.minimumHeight()
        return rows * lines.defaultSectionSize() + around

    def move_by(self, rows: int) -> None:
        current = self.table.currentIndex().row()
        count = len(self.model.offers)
        if count:
            at = rows - 1 if current < 0 and rows > 0 else current + rows
            self.table.selectRow(max(0, min(at, count - 1)))

    @property
    def current(self) -> str | None:
        index = self.table.currentIndex()
        return self.model.offers[index.row()].text if index.isValid() else None


class OfferEdit(QLineEdit):
    """A line edit with a list of what fits; the arrow keys go through it, the text stays free."""

    chosen = Signal()

    def __init__(self, parent: QWidget, kind: Kind, offers: Offers) -> None:
        super().__init__(parent)
        self.kind, self.offers = kind, offers
        self.list = OfferList(self)
        self.list.chosen.connect(self._choose)
        self.textEdited.connect(self._edited)
        self.setFrame(False)

    def value(self) -> str:
        """What goes into the cell: the line picked, or the text, or the only thing it can mean."""
        if self.list.isVisible() and self.list.current is not None:
            return self.list.current
        text = self.text()
        if not text.strip() or self._is_value(text):
            return text
        offers = [offer for offer in self.offers(text) if offer.is_apt]
        return offers[0].text if len(offers) == 1 else text

    def open_list(self) -> None:
        self.list.offer(self.offers("" if self.hasSelectedText() else self.text()), self)

    def offer_again(self) -> None:
        """What was asked for has come; nobody who has gone on is disturbed."""
        if self.hasFocus() and not self.list.isVisible():
            self._edited(self.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        step = {DOWN: 1, UP: -1, PAGE_DOWN: SHOWN_ROWS_MAX, PAGE_UP: -SHOWN_ROWS_MAX}.get(
            event.key()
        )
        if step is None:
            super().keyPressEvent(event)
        elif self.list.isVisible():
            self.list.move_by(step)
        else:
            self.open_list()

    def hideEvent(self, event: Any) -> None:  # noqa: N802
        self.list.hide()
        super().hideEvent(event)

    def _edited(self, text: str) -> None:
        self.list.offer(self.offers(text) if text.strip() else (), self)

    def _choose(self, text: str) -> None:
        self.setText(text)
        self.list.hide()
        self.chosen.emit()

    def _is_value(self, text: str) -> bool:
        try:
            self.kind.parse(text)
        except Invalid:
            return False
        return True


class DayEdit(QLineEdit):
    """A day as text; Alt+Down or F4 opens a calendar."""

    def __init__(self, parent: QWidget, kind: Kind, today: QDate) -> None:
        super().__init__(parent)
        self.kind, self.today = kind, today
        self.setFrame(False)
        self.calendar: QCalendarWidget | None = None

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        is_alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if event.key() == Qt.Key.Key_F4 or (event.key() == Qt.Key.Key_Down and is_alt):
            self._open_calendar()
        else:
            super().keyPressEvent(event)

    def _open_calendar(self) -> None:
        if self.calendar is None:
            self.calendar = QCalendarWidget(self)
            self.calendar.setWindowFlags(Qt.WindowType.Popup)
            self.calendar.setObjectName("calendar")
            self.calendar.setAccessibleName("选择日期")
            self.calendar.activated.connect(self._pick)
            self.calendar.clicked.connect(self._pick)
        try:
            day = self.kind.parse(self.text())
            self.calendar.setSelectedDate(QDate(day.year, day.month, day.day))
        except Invalid:
            self.calendar.setSelectedDate(self.today)
        self.calendar.move(self.mapToGlobal(QPoint(0, self.height())))
        self.calendar.show()

    def _pick(self, day: QDate) -> None:
        assert self.calendar is not None
        self.calendar.hide()
        self.setText(day.toString("yyyy-MM-dd"))
