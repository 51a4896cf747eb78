"""Makes roster.xlsx: a spreadsheet as another office would send it, written by LibreOffice.

Run from the project's root: python -m resources.demo.build (needs Debian's libreoffice-calc).
"""

from __future__ import annotations

import datetime
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

from server.demo_people import id_number, person
from server.demo_units import UNITS

HERE = Path(__file__).parent
HEADERS = ("序号", "部门", "职工姓名", "身份证号码", "联系电话", "工资基数", "起缴月份")
OFFICES = ("综合部", "研发中心", "市场部", "生产一车间", "生产二车间", "后勤服务")
PEOPLE = range(100, 405)  # Nobody that the demo's units have.
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


class Typed(str):
    """A cell that the spreadsheet holds as a number."""


def rows() -> list[list[str]]:
    good = [
        [p["name"], p["id_number"], p["phone"], Typed(p["base"]), "2026-07"]
        for p in map(person, PEOPLE)
    ]
    _spell_otherwise(good)
    own, school, water = (unit.people.start for unit in UNITS)
    return good[:150] + _troubles(good, own, school, water) + good[150:]


def _spell_otherwise(good: list[list[str]]) -> None:
    """Right in substance, odd in form: the client must read these without a word."""
    good[3][4] = "2026年7月"
    good[4][4] = "2026/7"
    good[5][3] = "12,345.60"
    good[6][3] = "￥8,800.00"
    good[7][1] = good[7][1].translate(FULL_WIDTH)
    good[8][2] = good[8][2].translate(FULL_WIDTH)
    good[9][0] = "阿依•买买提"
    good[10][0] = "李𬎆"
    good[11][0] = "张㛃"
    good[12][0] = "王䶮"
    good[13][0] = "单 田"
    good[14][0] = "龙"
    good[15][1] = id_number("532301", datetime.date(1990, 3, 7), 3).lower()
    x = next(
        n for n in range(1000) if id_number("532322", datetime.date(1988, 5, 9), n).endswith("X")
    )
    good[16][1] = id_number("532322", datetime.date(1988, 5, 9), x).lower()


def _troubles(good: list[list[str]], own: int, school: int, water: int) -> list[list[str]]:
    """Each must be named at its cell."""

    def known(number: int) -> list[str]:
        p = person(number)
        return [p["name"], p["id_number"], p["phone"], Typed(p["base"]), "2026-07"]

    def changed(number: int, place: int, value: str) -> list[str]:
        row = known(number)
        row[place] = value
        return row

    young = id_number("532301", datetime.date(2012, 9, 1), 15)
    wrong = good[30][1][:17] + ("0" if good[30][1][17] != "0" else "1")
    return [
        changed(601, 1, Typed(person(601)["id_number"].replace("X", "0"))),  # typed as a number
        changed(602, 1, wrong),
        changed(603, 1, young),
        changed(604, 3, Typed("68000")),
        changed(605, 3, Typed("1200")),
        changed(606, 3, "面议"),
        changed(607, 4, "2026-05"),
        changed(608, 4, "下月"),
        changed(609, 2, "0878-3123456"),
        changed(610, 0, "张3"),
        list(good[20]),  # twice in this list
        known(own + 20),  # has an account here
        known(own + 1),  # sealed here
        known(school + 30),  # contributes elsewhere
        known(water + 1),  # sealed elsewhere
        changed(611, 1, ""),
        changed(612, 0, ""),
    ]


def _cell(value: str) -> str:
    if isinstance(value, Typed):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    text = f"<text:p>{escape(value)}</text:p>" if value else ""
    return f'<table:table-cell office:value-type="string">{text}</table:table-cell>'


def _document() -> str:
    lines: list[list[str]] = [
        ["楚雄彩云科技有限公司新进职工公积金开户名单"],
        ["制表：人力资源部", "", "2026年7月"],
        list(HEADERS),
    ]
    for number, row in enumerate(rows(), 1):
        lines.append([Typed(number), OFFICES[number % len(OFFICES)], *row])
    lines.append(["合计", f"{len(lines) - 3} 人"])
    body = "".join(
        f"<table:table-row>{''.join(map(_cell, line))}</table:table-row>" for line in lines
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><office:document'
        ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
        ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
        ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.3"'
        ' office:mimetype="application/vnd.oasis.opendocument.spreadsheet"><office:body>'
        f'<office:spreadsheet><table:table table:name="开户名单">{body}</table:table>'
        "</office:spreadsheet></office:body></office:document>"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "roster.fods"
        source.write_text(_document(), encoding="utf-8")
        subprocess.run(
            ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless",
             "--convert-to", "xlsx", "--outdir", folder, str(source)],
            check=True, timeout=180, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        shutil.copyfile(Path(folder) / "roster.xlsx", HERE / "roster.xlsx")


if __name__ == "__main__":
    sys.exit(main())
