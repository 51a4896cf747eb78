"""The list of a receipt over its pages: repeated heading, page subtotals, one grand total."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from server.business.kinds import Money
from server.receipts.layout import PADDING_PT, Line, Slot, fit_line, measure, slots
from server.receipts.pages import Pages

CONTINUED, FULL_GRID = "continued", "full-grid"
CONTINUED_HEAD_ROWS = 1.6


class Sums:
    """Adds up the summed columns, amounts in fen and whole numbers alike."""

    def __init__(self, places: Sequence[int]) -> None:
        self._values = dict.fromkeys(places, 0)
        self._amounts: set[int] = set()
        self.count = 0

    def add(self, row: Sequence[str]) -> None:
        self.count += 1
        for place in self._values:
            text = row[place]
            if "." in text:
                self._amounts.add(place)
                assert text[-3] == ".", "an amount has two decimals"
            self._values[place] += int(text.replace(",", "").replace(".", "") or 0)

    def include(self, other: Sums) -> None:
        self.count += other.count
        self._amounts |= other._amounts
        for place, value in other._values.items():
            self._values[place] += value

    def shown(self) -> dict[int, str]:
        return {
            place: Money().show(value) if place in self._amounts else f"{value:,}"
            for place, value in self._values.items()
        }


class Listing:
    """Draws the rows as they come, holding no more than a page of them."""

    def __init__(self, pages: Pages) -> None:
        self.pages, self.receipt, self.sheet = pages, pages.receipt, pages.sheet
        columns = self.receipt.columns
        self.slots = slots(columns, pages.left, self.sheet.inner_pt)
        self.edges = [slot.left_pt - PADDING_PT for slot in self.slots] + [pages.right]
        self.summed = [place for place, column in enumerate(columns) if column.summed]
        self.heading = measure(
            [column.label for column in columns],
            [Slot(slot.left_pt, slot.room_pt, "center") for slot in self.slots],
            self.sheet,
            bold=True,
        )
        self.total = Sums(self.summed)
        # Of the pages after the first: where rows begin, and how many fit.
        self._rows_top: float | None = None
        self._room_full = 0

    def draw(self) -> None:
        lines = self._measured()
        ahead = next(lines, None)
        self._draw_heading()
        while True:
            subtotal, taken = Sums(self.summed), list[Line]()
            room = self._room()
            while ahead is not None and ahead[0].units <= room:
                line, row = ahead
                room -= line.units
                taken.append(line)
                subtotal.add(row)
                ahead = next(lines, None)
            assert taken or ahead is None, "a row is taller than a page"
            self.total.include(subtotal)
            self._draw_rows(taken)
            if ahead is None:
                break
            self._draw_sums("本页小计", subtotal)
            self.continue_on_next_page()
        if self.pages.number > 1:
            self._draw_sums("本页小计", subtotal)

    def draw_total(self) -> None:
        shown = self.total.shown()
        totals = self.receipt.totals
        assert not totals or list(totals) == list(shown.values()), "rows and books disagree"
        self._draw_sums("合计", self.total)

    def _measured(self) -> Iterator[tuple[Line, Sequence[str]]]:
        for row in self.receipt.rows:
            yield measure(row, self.slots, self.sheet), row

    def _room(self) -> int:
        """Row heights left on this page, one kept for the page's sum."""
        return int((self.pages.y - self.pages.bottom) / self.sheet.row_pt) - 1

    def _draw_heading(self) -> None:
        pages, line = self.pages, self.heading
        height = line.units * self.sheet.row_pt
        pages.tint(pages.left, pages.y - height, self.sheet.inner_pt, height)
        for x, drop, size, text in line.cells:
            pages.put(x, pages.y - drop, size, text, bold=True)
        self._draw_grid([pages.y, pages.y - height], self.edges)
        pages.y -= height

    def _draw_rows(self, lines: Sequence[Line]) -> None:
        pages, row_pt = self.pages, self.sheet.row_pt
        y, put = pages.y, pages.put
        edges = [y]
        for units, cells in lines:
            for x, drop, size, text in cells:
                put(x, y - drop, size, text)
            y -= units * row_pt
            edges.append(y)
        has_single_rows = all(line.units == 1 for line in lines)
        if lines and has_single_rows and len(lines) == self._room_full:
            pages.use(FULL_GRID)
        else:
            self._draw_grid(edges, self.edges)
        pages.y = y

    def _draw_grid(self, levels: Sequence[float], edges: Sequence[float]) -> None:
        top, bottom = levels[0], levels[-1]
        across = [(self.edges[0], level, self.edges[-1], level) for level in levels]
        self.pages.rules(across + [(edge, top, edge, bottom) for edge in edges])

    def _draw_sums(self, label: str, sums: Sums) -> None:
        pages, row_pt = self.pages, self.sheet.row_pt
        first = self.summed[0] if self.summed else len(self.slots)
        text = f"{label}　{sums.count:,} {self.receipt.row_unit}"
        room = self.edges[first] - self.edges[0] - 2 * PADDING_PT
        size = fit_line(text, room, self.sheet.list_pt, bold=True).size_pt
        pages.tint(pages.left, pages.y - row_pt, self.sheet.inner_pt, row_pt)
        pages.put(self.slots[0].left_pt, pages.y - row_pt / 2 - size * 0.36, size, text, bold=True)
        shown = sums.shown()
        row = [shown.get(place, "") for place in range(len(self.slots))]
        for x, drop, size, figure in measure(row, self.slots, self.sheet, bold=True).cells:
            pages.put(x, pages.y - drop, size, figure, bold=True)
        self._draw_grid([pages.y, pages.y - row_pt], [self.edges[0], *self.edges[first:]])
        pages.y -= row_pt

    def continue_on_next_page(self) -> None:
        self.pages.next_page()
        self._draw_continued_head()
        if self._rows_top is None:
            self._rows_top = self._make_forms()
        self.pages.use(CONTINUED)
        self.pages.y = self._rows_top

    def _make_forms(self) -> float:
        with self.pages.form(CONTINUED):
            self._draw_heading()
        self._room_full = self._room()
        levels = [self.pages.y - row * self.sheet.row_pt for row in range(self._room_full + 1)]
        with self.pages.form(FULL_GRID):
            self._draw_grid(levels, self.edges)
        return self.pages.y

    def _draw_continued_head(self) -> None:
        pages, receipt, size = self.pages, self.receipt, self.sheet.text_pt
        y = pages.y - size
        pages.put(pages.left, y, size, f"{receipt.title}（续）", bold=True)
        pages.put_right(pages.right, y, size, f"{receipt.unit_name}　{receipt.unit_account}")
        pages.y -= CONTINUED_HEAD_ROWS * self.sheet.row_pt
