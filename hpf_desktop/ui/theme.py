"""The look: one palette in light and dark, one family of letters, one zoom for everything."""

from __future__ import annotations

from pathlib import Path
from string import Template

from PySide6.QtCore import QByteArray, QLibraryInfo, QLocale, QSize, Qt, QTranslator
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QPainter,
    QPaintEvent,
    QPalette,
    QPixmap,
)
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from hpf_desktop.ui.sheet.colours import DARK, LIGHT, SheetColours

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
FAMILIES = ("Microsoft YaHei UI", "HPF Sans SC", "HPF Rare Sans")
POINTS = 10.0
TITLE_SCALE = 1.4
ICON_SIDE = 20
# Lengths of the style sheet in pixels at 100 %.
LENGTHS = {
    "gap": 5,
    "gap_focus": 4,
    "inset": 5,
    "inset_focus": 4,
    "pad": 12,
    "tool": 9,
    "pad_focus": 11,
    "line": 18,  # of letters, in a window that would rather squeeze them
    "nav": 2,
    "drop": 20,
    "arrow": 30,
    "mark": 12,
    "round": 6,
}


def prepare(app: QApplication) -> None:
    """Once, before the first window: style, letters, and Qt's own words in Chinese."""
    app.setStyle("Fusion")
    for file in sorted((RESOURCES / "fonts").glob("*.ttf")):
        QFontDatabase.addApplicationFont(str(file))
    words = QTranslator(app)
    place = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if words.load(QLocale("zh_CN"), "qtbase", "_", place):
        app.installTranslator(words)
    app.setWindowIcon(QIcon(str(RESOURCES / "icons" / "app.svg")))


def colours_of(theme: str) -> SheetColours:
    """``theme`` is system, light or dark."""
    if theme == "system":
        scheme = QGuiApplication.styleHints().colorScheme()
        return DARK if scheme is Qt.ColorScheme.Dark else LIGHT
    return DARK if theme == "dark" else LIGHT


def apply(app: QApplication, theme: str, zoom: int) -> SheetColours:
    """Colours and sizes of every window, at once; returns the colours for what paints itself."""
    colours = colours_of(theme)
    font = QFont()
    font.setFamilies(list(FAMILIES))
    font.setPointSizeF(POINTS * zoom / 100)
    app.setFont(font)
    app.setPalette(palette(colours))
    lengths = {name: f"{round(px * zoom / 100)}px" for name, px in LENGTHS.items()}
    sheet = Template((RESOURCES / "theme" / "base.qss").read_text("utf-8"))
    lengths |= {"title": f"{POINTS * TITLE_SCALE * zoom / 100:.1f}pt"}
    lengths |= {"images": (RESOURCES / "theme").as_posix()}
    scheme, other = ("dark", "light") if colours is DARK else ("light", "dark")
    lengths |= {"scheme": scheme, "on_accent_scheme": other}
    names = {name: getattr(colours, name) for name in SheetColours.__dataclass_fields__}
    app.setStyleSheet(sheet.substitute(names | lengths))
    return colours


def palette(colours: SheetColours) -> QPalette:
    role = QPalette.ColorRole
    made = QPalette()
    for where, name in {
        role.Window: colours.window,
        role.WindowText: colours.text,
        role.Base: colours.cell,
        role.AlternateBase: colours.computed,
        role.Text: colours.text,
        role.PlaceholderText: colours.muted,
        role.Button: colours.button,
        role.ButtonText: colours.text,
        role.ToolTipBase: colours.cell,
        role.ToolTipText: colours.text,
        role.Highlight: colours.accent,
        role.HighlightedText: colours.on_accent,
        role.Link: colours.accent,
        role.LinkVisited: colours.accent,
        role.Accent: colours.accent,
        role.BrightText: colours.error,
        role.Light: colours.hover,
        role.Midlight: colours.border,
        role.Mid: colours.border,
        role.Dark: colours.border,
    }.items():
        made.setColor(where, QColor(name))
    for where in (role.Text, role.WindowText, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, where, QColor(colours.muted))
    return made


def icon(name: str, colour: str) -> QIcon:
    """One of resources/icons, drawn in ``colour``: the files use currentColor."""
    drawing = (RESOURCES / "icons" / f"{name}.svg").read_text("utf-8")
    from PySide6.QtSvg import QSvgRenderer  # Late: the first window has no such icon.

    renderer = QSvgRenderer(QByteArray(drawing.replace("currentColor", colour).encode()))
    made = QPixmap(QSize(ICON_SIDE, ICON_SIDE) * 2)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    renderer.render(painter)
    painter.end()
    made.setDevicePixelRatio(2)
    return QIcon(made)


def fit(window: QWidget, chars: int, lines: int) -> None:
    """Sizes a window by its letters, but never beyond its screen: its buttons must be in sight."""
    char, line = window.fontMetrics().averageCharWidth(), window.fontMetrics().height()
    room = window.screen().availableGeometry().size() - QSize(2, 3) * line
    window.resize(QSize(char * chars, line * lines).boundedTo(room))


def scaled(length_px: int) -> int:
    """A length that was meant for letters of the normal size, at the zoom that is in force."""
    return round(length_px * QApplication.font().pointSizeF() / POINTS)


def set_role(widget: QWidget, name: str, value: str) -> None:
    """A dynamic property that the style sheet looks at; it does not look again by itself."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class Title(QLabel):
    """A heading; the style sheet makes it bigger than the rest, at every zoom."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setProperty("role", "title")


class Elided(QLabel):
    """One line that gives way to what stands beside it; the whole of it is in its tool tip."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(0, super().minimumSizeHint().height())

    def setText(self, text: str) -> None:  # noqa: N802
        super().setText(text)
        self.setToolTip(text)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        elide = Qt.TextElideMode.ElideRight
        text = self.fontMetrics().elidedText(self.text(), elide, self.width())
        flags = Qt.AlignmentFlag.AlignVCenter
        role = self.foregroundRole()
        self.style().drawItemText(painter, self.rect(), flags, self.palette(), True, text, role)
