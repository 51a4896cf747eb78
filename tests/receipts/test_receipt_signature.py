"""The signature as an independent reader checks it, and what reprints do to it."""

from __future__ import annotations

from pathlib import Path

import pypdfium2
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from hpf_desktop.print.page import merge
from server.receipts.layout import Paper
from server.receipts.overlay import mark_reprint
from server.receipts.pdf import render
from tests.receipts.conftest import Authority
from tests.receipts.samples import make_receipt, run, text_of

MARK = "第2次补打  2026-07-16 09:00  李经办"


@pytest.fixture(scope="session")
def trusted(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A certificate store that trusts the test root."""
    folder = tmp_path_factory.mktemp("nss")
    root = folder / "root.pem"
    root.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    store = f"sql:{folder}"
    run("certutil", "-N", "-d", store, "--empty-password")
    run("certutil", "-A", "-d", store, "-n", "root", "-t", "CT,C,C", "-i", root)
    return store


def check(pdf: bytes, store: str, folder: Path) -> str:
    file = folder / "signed.pdf"
    file.write_bytes(pdf)
    return run("pdfsig", "-nssdir", store, file)


def test_signed_receipt_is_valid_trusted_and_signed_whole(
    authority: Authority, trusted: str, tmp_path: Path
) -> None:
    report = check(authority.signer.sign(render(make_receipt(12))), trusted, tmp_path)
    assert "Signature is Valid" in report
    assert "Certificate is Trusted" in report
    assert "Total document signed" in report


def test_signed_receipt_with_one_byte_changed_is_refused(
    authority: Authority, trusted: str, tmp_path: Path
) -> None:
    signed = bytearray(authority.signer.sign(render(make_receipt())))
    signed[signed.index(b"%PDF") + 2000] ^= 1
    assert "Digest Mismatch" in check(bytes(signed), trusted, tmp_path)


def test_signature_leaves_the_picture_of_the_page_alone(authority: Authority) -> None:
    plain = render(make_receipt())

    def picture(pdf: bytes) -> bytes:
        with pypdfium2.PdfDocument(pdf) as document:
            return document[0].render(may_draw_forms=True).to_pil().tobytes()

    assert picture(authority.signer.sign(plain)) == picture(plain)


@pytest.mark.parametrize("paper", Paper)
def test_reprint_mark_is_on_every_page_and_keeps_the_original_bytes(
    authority: Authority, paper: Paper, tmp_path: Path
) -> None:
    stored = authority.signer.sign(render(make_receipt(60, paper)))
    marked = mark_reprint(stored, MARK)
    assert marked.startswith(stored)
    pages = text_of(marked, tmp_path, "-layout").split("\f")[:-1]
    assert len(pages) > 1
    assert all("第2次补打 2026-07-16 09:00 李经办" in page for page in pages)


def test_reprint_mark_with_a_very_long_name_stays_between_code_and_page_number() -> None:
    marked = mark_reprint(render(make_receipt()), MARK + "阿卜杜热合曼·" * 4)
    with pypdfium2.PdfDocument(marked) as document:
        page = document[0].get_textpage()
        where = [
            page.get_charbox(page.search(text).get_next()[0])
            for text in ("验证码 7K4M", "第2次", "第 1 页")
        ]
    code, mark, number = (box[0] for box in where)
    assert code + 60 < mark < number - 60


def test_merged_receipts_keep_order_sizes_and_text(authority: Authority, tmp_path: Path) -> None:
    papers = (Paper.A4, Paper.HALF_241, Paper.A5)
    originals = [
        authority.signer.sign(render(make_receipt(paper=paper, operator=name)))
        for paper, name in zip(papers, ("王𬎆", "㛃妮", "ꀀꌠ"), strict=True)
    ]
    merged = merge(originals)
    with pypdfium2.PdfDocument(merged) as document:
        sizes = [page.get_size() for page in document]
    expected = [(paper.value.width_pt, paper.value.height_pt) for paper in papers]
    assert sizes == [pytest.approx(size, abs=0.01) for size in expected]
    copied = text_of(merged, tmp_path)
    assert copied.index("王𬎆") < copied.index("㛃妮") < copied.index("ꀀꌠ")
