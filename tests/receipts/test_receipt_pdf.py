"""Receipts as a reader, a scanner and an archive meet them."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pypdfium2
import pytest

from server.receipts import fonts
from server.receipts.layout import Column, Paper, fit, fit_line
from server.receipts.pdf import render
from tests.receipts.samples import LONG_NAME, RARE_NAMES, make_receipt, run, text_of


@pytest.mark.parametrize("name", RARE_NAMES)
def test_rare_name_on_a_receipt_is_drawn_and_copied_whole(name: str, tmp_path: Path) -> None:
    for paper in Paper:
        copied = text_of(render(make_receipt(operator=name, paper=paper)), tmp_path)
        assert name in copied.replace("\n", "")
        assert fonts.MISSING not in copied


def test_rare_names_in_a_list_have_a_glyph_in_some_font() -> None:
    assert not fonts.missing("".join(RARE_NAMES))
    for name in RARE_NAMES:
        for font, piece in fonts.runs(name) + fonts.runs(name, bold=True):
            known = fonts.face(font)
            assert known
            glyphs = [known.font.face.charToGlyph[ord(mark)] for mark in piece]
            assert 0 not in glyphs


def test_long_name_in_a_narrow_column_is_never_cut(tmp_path: Path) -> None:
    columns = (Column("序号", 2), Column("姓名", 3), Column("说明", 20))
    rows = [("1", LONG_NAME, "正常")]
    for paper in Paper:
        pdf = render(make_receipt(columns=columns, rows=rows, paper=paper))
        copied = re.sub(r"\s", "", text_of(pdf, tmp_path, "-raw"))
        missing = [mark for mark in LONG_NAME if mark not in copied]
        assert not missing


def test_character_without_a_font_is_shown_as_geta_and_reported(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with caplog.at_level(logging.ERROR):
        copied = text_of(render(make_receipt(operator="张\ue83a三")), tmp_path)
    assert "张〓三" in copied
    assert "no font has U+E83A" in caplog.text
    assert "张" not in caplog.text


def test_variation_selector_in_a_name_draws_the_character_before_it() -> None:
    assert fonts.runs("葛\U000e0100城") == [fonts.Run(fonts.REGULAR, "葛城")]
    assert not fonts.missing("葛\U000e0100城")


@pytest.mark.parametrize("rows", [0, 12, 130])
def test_same_receipt_rendered_again_gives_the_same_bytes(rows: int) -> None:
    assert render(make_receipt(rows)) == render(make_receipt(rows))


def test_receipt_rendered_in_another_process_gives_the_same_bytes() -> None:
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=fonts.load) as processes:
        elsewhere = processes.submit(render, make_receipt(12)).result(timeout=60)
    assert elsewhere == render(make_receipt(12))


@pytest.mark.parametrize(
    ("paper", "size"),
    [(Paper.A4, (595.276, 841.89)), (Paper.A5, (595.276, 419.528)), (Paper.HALF_241, (684, 396))],
)
@pytest.mark.parametrize("rows", [0, 60])
def test_every_page_has_the_size_of_its_paper(
    paper: Paper, size: tuple[float, float], rows: int
) -> None:
    with pypdfium2.PdfDocument(render(make_receipt(rows, paper))) as document:
        assert all(page.get_size() == pytest.approx(size, abs=0.01) for page in document)
        assert len(document) == 1 or rows


@pytest.mark.parametrize("paper", Paper)
@pytest.mark.parametrize("dots_per_inch", [180, 300])
def test_qr_printed_in_one_bit_opens_the_check_page(
    paper: Paper, dots_per_inch: int, tmp_path: Path
) -> None:
    (tmp_path / "receipt.pdf").write_bytes(render(make_receipt(paper=paper)))
    run("pdftoppm", "-mono", "-r", str(dots_per_inch), tmp_path / "receipt.pdf", tmp_path / "page")
    (page,) = tmp_path.glob("page*.pbm")
    found = run("zbarimg", "--raw", "-q", page).strip()
    assert found == make_receipt().url


def test_list_over_pages_repeats_heading_and_sums_each_page(tmp_path: Path) -> None:
    receipt = make_receipt(130, totals=("8,580.00", "130,000.00"))
    pages = text_of(render(receipt), tmp_path, "-layout").split("\f")[:-1]
    count = len(pages)
    assert count >= 3
    subtotals = []
    for number, page in enumerate(pages, start=1):
        assert all(column.label in page for column in receipt.columns)
        assert re.search(rf"第\s*{number}\s*页\s*共\s*{count}\s*页", page)
        (line,) = re.findall(r"本页小计.*", page)
        people, unit, total = re.findall(r"[\d,.]+", line)
        rows = re.findall(r"(?m)^\s*\d+\s+5328\d{8}\s", page)
        assert len(rows) == int(people)
        subtotals.append((int(people), float(unit.replace(",", "")), float(total.replace(",", ""))))
    assert [sum(column) for column in zip(*subtotals, strict=True)] == [130, 8580, 130000]
    assert re.search(r"合计\s+130 人\s+8,580\.00\s+130,000\.00", pages[-1])
    assert not any(re.search("合计 +130", page) for page in pages[:-1])


@pytest.mark.parametrize("rows", range(16, 46))
def test_end_of_a_list_near_the_end_of_a_page_keeps_total_and_seal_together(rows: int) -> None:
    names = tuple((str(at), "532800000000", "张三", "1.50", "1.00") for at in range(rows))
    with pypdfium2.PdfDocument(render(make_receipt(rows, rows=names))) as document:
        last = document[len(document) - 1].get_textpage().get_text_bounded()
        assert f"合计　{rows} 人" in last
        assert "单位经办人（签字）" in last


def test_totals_of_the_books_that_differ_from_the_rows_stop_the_receipt() -> None:
    with pytest.raises(AssertionError, match="books disagree"):
        render(make_receipt(3, totals=("9.00", "3,000.00")))


def test_amount_is_shown_in_capitals_and_figures_with_its_sign(tmp_path: Path) -> None:
    copied = text_of(render(make_receipt(amount_fen=-1200_00)), tmp_path)
    assert "人民币负壹仟贰佰元整" in copied
    assert "¥-1,200.00" in copied


def test_seal_is_a_picture_and_not_text(tmp_path: Path) -> None:
    assert "专用章" not in text_of(render(make_receipt()), tmp_path)
    with pypdfium2.PdfDocument(render(make_receipt())) as document:
        pixels = document[0].render(scale=2).to_pil().convert("RGB")
    red = sum(r > 150 and g < 100 and b < 100 for r, g, b in pixels.get_flattened_data())
    assert red > 4000


def test_long_value_in_the_head_is_wrapped_and_never_cut(tmp_path: Path) -> None:
    reason = "因职工调动工作单位而办理，" * 12
    copied = text_of(render(make_receipt(facts=[("封存原因", reason)])), tmp_path, "-raw")
    assert reason in re.sub(r"\s", "", copied)


def test_text_fitted_to_a_width_keeps_every_character_and_stays_inside() -> None:
    fonts.load()
    for room in (20.0, 60.0, 300.0):
        fitted = fit(LONG_NAME, room, 9, 0.8)
        assert "".join(fitted.lines) == LONG_NAME
        assert all(fonts.width_pt(line, fitted.size_pt) <= room + 0.01 for line in fitted.lines)
        figure = fit_line("123,456,789.01", room, 9)
        assert fonts.width_pt(figure.lines[0], figure.size_pt) <= room + 0.01
