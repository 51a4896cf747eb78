"""What a screen reader sees of one program: reads requests as JSON lines, answers in JSON lines.

Run by the system's Python, which has the bindings of AT-SPI; it knows nothing of the project.
"""

import json
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402 - The version has to be named first.

CELLS_MAX = 600  # of one table: those beyond are not on the screen anyway
ANSWER_LIMIT_MS = 8000  # a window that does not answer for so long counts as frozen
STATES = {
    state.value_nick: state
    for state in (
        Atspi.StateType.FOCUSED, Atspi.StateType.FOCUSABLE, Atspi.StateType.ENABLED,
        Atspi.StateType.SHOWING, Atspi.StateType.SELECTED, Atspi.StateType.CHECKED,
        Atspi.StateType.ACTIVE, Atspi.StateType.EDITABLE, Atspi.StateType.EXPANDED,
        Atspi.StateType.SENSITIVE, Atspi.StateType.VISIBLE,
    )
}  # fmt: skip


def main() -> None:
    Atspi.init()
    Atspi.set_timeout(ANSWER_LIMIT_MS, ANSWER_LIMIT_MS)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), ensure_ascii=False), flush=True)


def answer(request: dict) -> dict:
    """Looks again when what it looks at goes away meanwhile, as a dialog that closes does."""
    until = time.monotonic() + ANSWER_LIMIT_MS / 1000
    while True:
        start = time.monotonic()
        try:
            return {"nodes": look(**request), "seconds": time.monotonic() - start}
        except GLib.GError as error:
            if time.monotonic() > until:
                return {"error": error.message, "seconds": time.monotonic() - start}


def look(pid: int, within: str = "", cells: bool = False, hidden: bool = False) -> list[dict]:
    """Every node on the screen, from the program's windows down; none while it has no window.

    ``within`` keeps only what is below nodes of that id; ``cells`` looks into tables too,
    ``hidden`` also at what is not on the screen.
    """
    app = program(pid)
    found: list[dict] = []
    if app is not None:
        app.set_cache_mask(Atspi.Cache.NONE)
        walk(app, found, "", cells, hidden)
    return [n for n in found if f"/{within}/" in n["path"]] if within else found


def program(pid: int) -> "Atspi.Accessible | None":
    desktop = Atspi.get_desktop(0)
    desktop.set_cache_mask(Atspi.Cache.NONE)
    for number in range(desktop.get_child_count()):
        child = desktop.get_child_at_index(number)
        if child is not None and child.get_process_id() == pid:
            return child
    return None


def walk(node: "Atspi.Accessible", found: list[dict], path: str, cells: bool, hidden: bool) -> None:
    for number in range(min(node.get_child_count(), CELLS_MAX)):
        child = node.get_child_at_index(number)
        if child is None:
            continue
        told = tell(child, path)
        is_cell = told["role"] in ("table cell", "table row header", "table column header")
        if "showing" not in told["states"] and not is_cell and not hidden:
            continue
        found.append(told)
        if told["role"] in ("table", "tree table") and not cells:
            continue
        if not is_cell:
            walk(child, found, f"{path}/{told['id'] or told['name']}/", cells, hidden)


def tell(node: "Atspi.Accessible", path: str) -> dict:
    states = node.get_state_set()
    told = {
        "role": node.get_role_name(),
        "name": node.get_name() or "",
        "id": (node.get_accessible_id() or "").rpartition(".")[2],
        "description": node.get_description() or "",
        "states": [nick for nick, state in STATES.items() if states.contains(state)],
        "path": path,
        "text": "",
    }
    if node.get_text_iface() is not None and node.get_editable_text_iface() is not None:
        told["text"] = Atspi.Text.get_text(node, 0, -1)
    cell = node.get_table_cell()
    if cell is not None:
        _, told["row"], told["column"] = Atspi.TableCell.get_position(cell)
    return told


if __name__ == "__main__":
    main()
