"""``python -m hpf_desktop.manual pictures|pdf``: takes the pictures anew; writes the PDF."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from PySide6.QtGui import QGuiApplication


def main() -> int:
    parser = argparse.ArgumentParser(prog="hpf_desktop.manual", description=__doc__)
    wanted = parser.add_subparsers(dest="what", required=True)
    takes = wanted.add_parser("pictures", help="演示一遍，更新手册的图片")
    takes.add_argument("--out", type=Path, help="已有的演示结果；不给则现在演示一遍")
    writes = wanted.add_parser("pdf", help="把手册写成一个 PDF")
    writes.add_argument("file", type=Path)
    options = parser.parse_args()
    if options.what == "pictures":
        _take(options.out)
    else:
        from hpf_desktop.manual.pdf import write_pdf

        QGuiApplication(["hpf_desktop.manual", "-platform", "offscreen"])
        write_pdf(options.file)
    return 0


def _take(out: Path | None) -> None:
    from hpf_desktop.manual import pictures  # Late: it needs what only developers have.

    with tempfile.TemporaryDirectory(prefix="hpf-manual-") as folder:
        if out is None:
            out = Path(folder)
            pictures.play(out)
        sizes = pictures.take(out)
    total = sum(sizes.values())
    print(f"{len(sizes)} 张图片，共 {total / 1024:,.0f} KB")


if __name__ == "__main__":
    sys.exit(main())
