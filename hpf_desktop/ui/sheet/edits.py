"""What paste, fill, clear and the row commands do: each call is one step. No widgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hpf_desktop.labels import EXACT, KNOWN, fits, plain_label
from hpf_desktop.ui.sheet.clipboard import columns_of_text, refuse_too_much
from hpf_desktop.ui.sheet.columns import Column
from hpf_desktop.ui.sheet.fill import continued
from hpf_desktop.ui.sheet.model import SheetModel
from hpf_desktop.ui.sheet.normal import normal_block
from hpf_desktop.ui.sheet.store import Rows

Block = tuple[range, list[int]]  # selected places, and the shown columns among them


@dataclass(frozen=True)
class Spot:
    """Where a paste goes: the selected block, and the columns from its left edge to the end."""

    places: range
    selected: int  # how many columns are selected
    columns: Sequence[int]


@dataclass(frozen=True)
class Pasted:
    """What a paste comes to, ready to be written: texts as the kinds show them."""

    height: int
    texts: dict[int, list[str]]
    read_only: int  # columns left out because nothing is typed there
    beyond: int  # columns that fell off the right edge
    has_labels: bool = False  # whether a first row was left out that names the columns


def fit_text(text: str, spot: Spot, columns: Sequence[Column]) -> Pasted:
    """A copied block as it will be written. Raises TooMuch."""
    refuse_too_much(text.count("\t") + text.count("\n"))
    labels, _, below = text.partition("\n")
    if below.strip() and _are_labels(labels.rstrip("\r"), spot, columns):
        return replace(fit_text(below, spot, columns), has_labels=True)
    kinds = [
        columns[c].field.kind if c < len(columns) and columns[c].is_typed else None
        for c in spot.columns
    ]
    is_repeated = len(spot.places) > 1 or spot.selected > 1
    block = None if is_repeated else normal_block(text, kinds)
    if block is None:
        return fit(columns_of_text(text), spot, columns)
    texts = {c: column for c, column, kind in zip(spot.columns, block, kinds, strict=False) if kind}
    return Pasted(len(block[0]), texts, len(block) - len(texts), 0)


def _are_labels(line: str, spot: Spot, columns: Sequence[Column]) -> bool:
    """Whether a row names the columns that it falls on: copied along with what stands below."""
    cells = zip(map(plain_label, line.split("\t")), spot.columns, strict=False)
    pairs = [(label, columns[c].field) for label, c in cells if label and c < len(columns)]
    named = sum(fits(spec, label, EXACT) or fits(spec, label, KNOWN) for label, spec in pairs)
    return named > 0 and named * 2 > len(pairs)


def fit(block: list[list[str]], spot: Spot, columns: Sequence[Column]) -> Pasted:
    """Repeats the block when the selection is a multiple of it; reads it by the columns' kinds."""
    height, width = len(block[0]), len(block)
    if len(spot.places) % height == 0 and spot.selected % width == 0:
        down, across = len(spot.places) // height, spot.selected // width
        block = [column * down for column in block] * across
        height, width = len(block[0]), len(block)
    taken = list(spot.columns[:width])
    writable = [c for c in taken if c < len(columns) and columns[c].is_typed]
    texts = {c: columns[c].normal_all(block[taken.index(c)]) for c in writable}
    return Pasted(height, texts, len(taken) - len(writable), width - len(taken))


def paste(model: SheetModel, pasted: Pasted, top: int) -> None:
    """Writes from the place ``top`` on; rows past the last shown one are added at the end."""
    if not pasted.texts:
        return
    room = min(pasted.height, model.rowCount() - top)
    grown = pasted.height - room
    start = len(model.store)
    rows: Rows
    if model.view is None:
        rows = range(top, top + pasted.height)
    else:
        rows = [*model.rows_at(range(top, top + room)), *range(start, start + grown)]
    model.put(rows, pasted.texts, "粘贴", grown)


def fill_down(model: SheetModel, blocks: Iterable[Block]) -> None:
    """Copies each block's first row over the rest; a block of one row takes the row above it."""
    with Macro(model, "向下填充"):
        for places, columns in blocks:
            source = places.start if len(places) > 1 else places.start - 1
            under = range(max(source + 1, places.start), places.stop)
            if source >= 0:
                texts = {c: [model.text(source, c)] * len(under) for c in _typed(model, columns)}
                _put(model, under, texts)


def fill_right(model: SheetModel, blocks: Iterable[Block]) -> None:
    with Macro(model, "向右填充"):
        for places, columns in blocks:
            source = [model.text(place, columns[0]) for place in places]
            targets = _typed(model, columns[1:])
            _put(model, places, {c: model.columns[c].normal_all(source) for c in targets})


def fill_series(model: SheetModel, block: Block, to: int) -> None:
    """What the fill handle does, up or down to ``to``: copies; months and days count on."""
    places, columns = block
    is_back = to < places.start
    target = range(to, places.start) if is_back else range(places.stop, to + 1)
    texts = {
        c: continued(model.columns[c], [model.text(p, c) for p in places], len(target), is_back)
        for c in _typed(model, columns)
    }
    with Macro(model, "填充"):
        _put(model, target, texts)


def fill_text(model: SheetModel, blocks: Iterable[Block], text: str) -> None:
    """One text in all selected cells (Ctrl+Enter)."""
    with Macro(model, "填充所选"):
        for places, columns in blocks:
            texts = {
                c: [model.columns[c].normal(text)] * len(places) for c in _typed(model, columns)
            }
            _put(model, places, texts)


def clear(model: SheetModel, blocks: Iterable[Block]) -> None:
    with Macro(model, "清除"):
        for places, columns in blocks:
            _put(model, places, {c: [""] * len(places) for c in _typed(model, columns)})


def insert_rows(model: SheetModel, places: Sequence[int]) -> None:
    """As many blank rows as are selected, above them."""
    at = model.row_at(places[0]) if len(places) else len(model.store)
    model.insert_blank(at, max(1, len(places)))


def delete_rows(model: SheetModel, places: Sequence[int]) -> None:
    rows = model.rows_at(places)
    if len(rows):
        model.remove(rows if isinstance(rows, range) else sorted(rows))


def duplicate_rows(model: SheetModel, places: Sequence[int]) -> None:
    """Copies of the selected rows, right after the last of them."""
    rows = model.rows_at(places)
    if len(rows):
        texts = list(model.store.read(rows, range(len(model.columns))).values())
        model.insert_texts(max(rows) + 1, texts, "复制行")


def columns_at(model: SheetModel, block: Block) -> list[list[str]]:
    """The texts of one block, column by column."""
    places, columns = block
    rows = model.rows_at(places)
    store, texts = model.store, []
    for column in columns:
        if column == model.result_column:
            texts.append([model.result(row) for row in rows])
        elif isinstance(rows, range):
            part = slice(rows.start, rows.stop)
            pairs = zip(store.typed[column][part], store.filled[column][part], strict=True)
            texts.append([typed or filled for typed, filled in pairs])
        else:
            texts.append([store.text(row, column) for row in rows])
    return texts


def cells_of(
    model: SheetModel, blocks: Sequence[Block]
) -> tuple[Iterable[Sequence[str]], list[bool]]:
    """The selected texts row by row, and which columns must stay text; gaps are blank."""
    columns = sorted({c for _, cs in blocks for c in cs})
    rows: Iterable[Sequence[str]]
    if len(blocks) == 1:
        rows = zip(*columns_at(model, blocks[0]), strict=True)
    else:
        chosen = {(place, c) for places, cs in blocks for place in places for c in cs}
        every = sorted({place for place, _ in chosen})
        rows = [[model.text(p, c) if (p, c) in chosen else "" for c in columns] for p in every]
    return rows, [c == model.result_column or not model.columns[c].is_right for c in columns]


class Macro:
    """Several writes as one step; when nothing was written, no step is left behind."""

    def __init__(self, model: SheetModel, title: str) -> None:
        self.model, self.title = model, title

    def __enter__(self) -> None:
        self.model.steps.beginMacro(self.title)

    def __exit__(self, *_: object) -> None:
        self.model.steps.endMacro()


def _typed(model: SheetModel, columns: Iterable[int]) -> list[int]:
    return [c for c in columns if model.is_editable(c)]


def _put(model: SheetModel, places: range, texts: dict[int, list[str]]) -> None:
    if texts and len(places):
        model.put(model.rows_at(places), texts, "")
