"""All rows of a query as a file: read page by page, written as they come. No Qt."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpf_desktop.answers import CENTRE_ZONE, Facts
from server.business.base import Field
from server.business.kinds import Money
from server.business.query import Query
from server.business.refusals import refused

if TYPE_CHECKING:
    from hpf_desktop.client import Client

Progress = Callable[[int, int], None]
PAGE_ROWS = 1_000
CSV, XLSX = ".csv", ".xlsx"
# What a spreadsheet program would take for a formula, and numbers that it would round.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
EXACT_DIGITS = 11


@dataclass(frozen=True)
class Asked:
    """One query as it was asked: its search fields as texts, and its sort."""

    query: Query
    texts: Mapping[str, str]
    sort: str = ""

    def heading(self, title: str, facts: Facts, moment: datetime) -> list[str]:
        """Whose rows, which, when and by whom: what stands above them in a file."""
        unit, now = facts.unit, moment.astimezone(CENTRE_ZONE)
        conditions = [
            f"{f.field.label} {f.field.kind.show(f.field.kind.parse(self.texts[f.field.key]))}"
            for f in self.query.filters
            if f.field.key in self.texts
        ]
        return [
            title,
            f"单位：{unit.name}　单位账号：{unit.unit_id}　营业日：{unit.business_day}",
            f"查询条件：{'；'.join(conditions) or '全部'}",
            f"导出时间：{now:%Y-%m-%d %H:%M:%S}　操作员：{facts.operator_name}",
        ]

    def rows(self, client: Client, progress: Progress) -> Iterator[Mapping[str, Any]]:
        """Every row, whatever is added meanwhile; no more than a page of them is held."""
        done, total, after = 0, 0, None
        while True:
            page = client.query(self.query.code, self.texts, after, PAGE_ROWS, self.sort)
            total = total or page.count
            yield from page.rows
            done += len(page.rows)
            progress(done, total)
            after = page.next
            if after is None:
                return


def export(
    path: Path, asked: Asked, title: str, facts: Facts, client: Client, progress: Progress
) -> int:
    """In a worker; ``progress`` may raise to stop it, and then nothing is left. Raises Refused."""
    # By the server's clock: a file is shown to others, and a PC's may be wrong.
    heading, columns = asked.heading(title, facts, client.health().time), asked.query.columns
    rows = asked.rows(client, progress)
    if path.suffix.lower() == CSV:
        return write_csv(path, heading, columns, rows)
    from hpf_desktop.table_file import write_table  # Late: brings the writer of xlsx.

    return write_table(path, columns, rows, heading=heading)


def write_csv(
    path: Path,
    heading: Sequence[str],
    columns: Sequence[Field],
    rows: Iterable[Mapping[str, Any]],
) -> int:
    """UTF-8 with a mark, so that Excel reads it as such; amounts without separators."""
    part = path.with_name(f".{path.name}.part")
    count = 0
    try:
        with part.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([line] for line in heading)
            writer.writerow([spec.label for spec in columns])
            for row in rows:
                writer.writerow([csv_text(spec, row.get(spec.key)) for spec in columns])
                count += 1
        part.replace(path)
    except OSError:
        raise refused("S18", file=path.name) from None
    finally:
        part.unlink(missing_ok=True)
    return count


def csv_text(spec: Field, value: Any) -> str:
    """A tab before what a spreadsheet program would round or run keeps it a text."""
    if value is None:
        return ""
    text = spec.kind.show(value)
    if isinstance(spec.kind, Money):
        return text.replace(",", "")
    if spec.kind.number_format:
        return text
    is_long = text.isdigit() and len(text) > EXACT_DIGITS
    return f"\t{text}" if is_long or text.startswith(FORMULA_SIGNS) else text
