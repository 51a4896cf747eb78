"""What this computer remembers for its operator: server, look, and a printer for each form."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from server.business.refusals import refused

ZOOM_MIN, ZOOM_MAX, ZOOM_STEP = 100, 200, 10
THEMES = {"system": "跟随系统", "light": "浅色", "dark": "深色"}
PAPERS = {"": "按回单的尺寸", "A4": "A4", "A5": "A5"}  # or a form that the printer knows
OFFSET_MAX_MM = 20.0
LOGIN_WAYS = ("certificate", "password")


@dataclass(frozen=True)
class Printing:
    """Where and how one form is printed. Offsets move the image right and down."""

    printer: str = ""
    paper: str = ""
    tray: str = ""
    right_mm: float = 0.0
    down_mm: float = 0.0


@dataclass(frozen=True)
class Settings:
    server: str = "https://127.0.0.1:8443"
    ca_file: str = ""
    uses_proxy: bool = False
    theme: str = "system"
    zoom: int = ZOOM_MIN
    printing: Mapping[str, Printing] = field(default_factory=lambda: MappingProxyType({}))
    login_way: str = LOGIN_WAYS[0]
    remembers_unit: bool = False  # the account itself is in the system's keyring
    expiry_told: str = ""  # the day, and of which certificates' ends it was told on it

    def printing_of(self, form: str) -> Printing:
        return self.printing.get(form, Printing())


def folder() -> Path:
    """Where this program keeps its files for the operator who is logged in to the computer."""
    if named := os.environ.get("HPF_DESKTOP_FOLDER"):
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home())) / "hpf_desktop"
    return Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "hpf_desktop"


def private_folder(path: Path) -> Path:
    """Made if need be; nobody else of this computer looks into one that is made here."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def settings_file() -> Path:
    return folder() / "settings.json"


def load(path: Path) -> Settings:
    """What cannot be read is as if it had never been set."""
    try:
        stored = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return Settings()
    return _settings(stored) if isinstance(stored, dict) else Settings()


def save(settings: Settings, path: Path) -> None:
    """Refuses with D03. A crash in the middle leaves the old file."""
    stored = {member.name: getattr(settings, member.name) for member in fields(settings)}
    stored["printing"] = {form: asdict(printing) for form, printing in settings.printing.items()}
    try:
        private_folder(path.parent)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(stored, ensure_ascii=False, indent=1), "utf-8")
        fresh.replace(path)
    except OSError:
        raise refused("W03") from None


def _settings(stored: dict[str, Any]) -> Settings:
    values = _known(Settings, stored)
    if values.get("theme") not in THEMES:
        values.pop("theme", None)
    if values.get("login_way") not in LOGIN_WAYS:
        values.pop("login_way", None)
    if "zoom" in values:
        values["zoom"] = min(max(values["zoom"], ZOOM_MIN), ZOOM_MAX)
    printing = stored.get("printing")
    forms = printing.items() if isinstance(printing, dict) else ()
    kept = {form: Printing(**_known(Printing, p)) for form, p in forms if isinstance(p, dict)}
    return Settings(**values, printing=MappingProxyType(kept))


def _known(kind: type, stored: dict[str, Any]) -> dict[str, Any]:
    """The members that ``kind`` has, where they are of the type that it has them in."""
    defaults = kind()
    return {
        member.name: stored[member.name]
        for member in fields(kind)
        if member.name in stored
        and isinstance(stored[member.name], type(getattr(defaults, member.name)))
    }
