"""What the status bar says of the selection: counted in bites, so that a huge one never freezes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hpf_desktop.ui.sheet.columns import fen_of
from hpf_desktop.ui.sheet.edits import Block
from hpf_desktop.ui.sheet.model import SheetModel
from server.business.kinds import Money

BITE_ROWS = 5_000


def selection_words(model: SheetModel, blocks: Sequence[Block]) -> Iterator[str]:
    """Yields an empty text after each bite, and the words at the end."""
    cells = sum(len(places) * len(columns) for places, columns in blocks)
    if cells < 2:
        yield ""
        return
    total, count = 0, 0
    for places, columns in blocks:
        for column in columns:
            if column == model.result_column or not model.columns[column].is_money:
                continue
            for start in range(places.start, places.stop, BITE_ROWS):
                part = range(start, min(start + BITE_ROWS, places.stop))
                for row in model.rows_at(part):
                    text = model.store.text(row, column)
                    if text and (fen := fen_of(text)) is not None:
                        total += fen
                        count += 1
                yield ""
    words = f"选中 {cells:,} 个单元格"
    if count:
        show = Money().show
        words += f"　求和 {show(total)}　平均 {show((2 * total + count) // (2 * count))}"
    yield words
