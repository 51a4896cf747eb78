"""What Windows is told and what its answers mean, as far as that can be known elsewhere."""

from __future__ import annotations

import pytest

from hpf_desktop.print.printers import Duplex, JobState, PrinterStatus, PrintOrder
from hpf_desktop.print.windows import (
    Device,
    job_state_of,
    mode_fields,
    placement,
    status_of,
)

ORDER = PrintOrder("P", "2026-000123")


@pytest.mark.parametrize(
    ("bits", "attributes", "expected"),
    [
        (0, 0, PrinterStatus.READY),
        (0, 0x400, PrinterStatus.OFFLINE),
        (0x1, 0, PrinterStatus.STOPPED),
        (0x2, 0, PrinterStatus.NEEDS_ATTENTION),
        (0x8 | 0x10, 0, PrinterStatus.JAMMED),
        (0x10, 0, PrinterStatus.PAPER_OUT),
        (0x80, 0, PrinterStatus.OFFLINE),
        (0x400, 0, PrinterStatus.PRINTING),
        (0x400000, 0, PrinterStatus.COVER_OPEN),
    ],
)
def test_status_bits_of_windows_are_what_to_do_first(
    bits: int, attributes: int, expected: PrinterStatus
) -> None:
    assert status_of(bits, attributes) is expected


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (0, JobState.QUEUED),
        (0x8, JobState.QUEUED),
        (0x10, JobState.PRINTING),
        (0x10 | 0x40, JobState.HELD),
        (0x10 | 0x80, JobState.COMPLETED),
        (0x4, JobState.CANCELLED),
    ],
)
def test_job_bits_of_windows_claim_no_more_than_they_say(bits: int, expected: JobState) -> None:
    assert job_state_of(bits) is expected


def test_continuous_paper_is_given_in_tenths_of_a_millimetre() -> None:
    values = mode_fields(ORDER, 684, 396)
    assert (values["PaperSize"], values["PaperWidth"], values["PaperLength"]) == (256, 2413, 1397)
    assert values["Fields"] == 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x100 | 0x1000


def test_a4_and_named_forms_are_given_by_name() -> None:
    assert mode_fields(ORDER, 595.276, 841.89)["PaperSize"] == 9
    named = mode_fields(PrintOrder("P", "1", media="241x139.7"), 684, 396)
    assert named["FormName"] == "241x139.7"
    assert "PaperWidth" not in named


def test_sides_and_copies_never_come_from_the_driver() -> None:
    order = PrintOrder("P", "1", copies=3, duplex=Duplex.SHORT_EDGE)
    values = mode_fields(order, 684, 396)
    assert (values["Copies"], values["Duplex"], values["Scale"]) == (3, 3, 100)


def test_page_lands_on_the_sheet_and_not_on_its_printable_part() -> None:
    device = Device(dpi_x=180, dpi_y=180, margin_x=30, margin_y=12)
    assert placement(device, 684, 396, (0.0, 0.0)) == (-30, -12, 1710, 990)
    left, top, _, _ = placement(device, 684, 396, (3.5, -2.0))
    assert (left + 30, top + 12) == (round(3.5 / 25.4 * 180), round(-2.0 / 25.4 * 180))
