"""Offers the unit's people under a field that takes a person account (模糊查询)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QLineEdit

from hpf_desktop import tasks
from hpf_desktop.ui.sheet.editors import Offer, OfferList, Offers, people_offers
from hpf_desktop.ui.sheet.lookup import PeopleIndex
from server.business.facts import Person, Status
from server.business.kinds import Account

STEPS = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 9, Qt.Key.Key_PageUp: -9}
ENDS = (QEvent.Type.FocusOut, QEvent.Type.Hide)


class PersonOffers(QObject):
    """Part of a name, its pinyin, an account or an ID number's tail finds the person; any account
    may still be typed, for those who are no longer among the people. Whoever stands as ``takes``
    says comes first, the others are grey."""

    def __init__(
        self,
        editor: QLineEdit,
        people: Callable[[], Mapping[int, Person]],
        takes: Collection[Status] = (),
    ) -> None:
        super().__init__(editor)
        self._editor, self._people, self._takes_status = editor, people, takes
        self._indexed: Mapping[int, Person] | None = None
        self._find: Offers | None = None
        self.list = OfferList(editor)
        self.list.chosen.connect(self._choose)
        editor.setPlaceholderText("姓名、拼音或账号")
        editor.textEdited.connect(self._edited)
        editor.installEventFilter(self)

    def settle(self) -> None:
        """What was typed becomes the account of the one person that it can mean."""
        text = self._editor.text()
        if text.strip() and Account().read(text) is None and not self._editor.isReadOnly():
            found = [offer for offer in self._offers(text) if offer.is_apt]
            if len(found) == 1:
                self._choose(found[0].text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() in ENDS:
            self.list.hide()
        elif event.type() == QEvent.Type.FocusIn:
            self._index()
        elif event.type() in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            is_press = event.type() == QEvent.Type.KeyPress
            if self._takes(Qt.Key(event.key()), is_press):
                event.accept()
                return is_press
        return super().eventFilter(watched, event)

    def _takes(self, key: Qt.Key, is_press: bool) -> bool:
        """Whether the key belongs to the list; pressed, it does what it is for."""
        is_open = self.list.isVisible()
        if self._editor.isReadOnly():
            return False
        if key in STEPS:
            if is_press and is_open:
                self.list.move_by(STEPS[key])
            elif is_press:
                self._edited(self._editor.text(), is_asked=True)
            return True
        if key == Qt.Key.Key_Escape and is_open:
            if is_press:
                self.list.hide()
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and is_open and self.list.current:
            if is_press:
                self._choose(self.list.current)
            return True
        return False

    def _edited(self, text: str, is_asked: bool = False) -> None:
        is_whole = Account().read(text) is not None
        self.list.offer(
            self._offers(text) if is_asked or (text.strip() and not is_whole) else (), self._editor
        )

    def _offers(self, text: str) -> list[Offer]:
        self._index()
        return list(self._find(text)) if self._find else []

    def _index(self) -> None:
        """Off the GUI thread: of a large unit it takes longer than a key press may."""
        people, takes = self._people(), self._takes_status
        if people is not self._indexed:
            self._indexed = people
            tasks.run(
                lambda _: PeopleIndex(people.values(), takes),
                self._index_made,
                lambda _: None,  # Whoever finds nobody types the account.
            )

    def _index_made(self, index: PeopleIndex) -> None:
        self._find = people_offers(index)
        if self._editor.hasFocus() and self._editor.text().strip():
            self._edited(self._editor.text())

    def _choose(self, account: str) -> None:
        """As if it had been typed."""
        self._editor.setText(account)
        self._editor.textEdited.emit(account)
        self.list.hide()
