"""Chooses the print queues of the system that this program runs on."""

from __future__ import annotations

import sys

from hpf_desktop.print.printers import PrintBackend


def system_backend() -> PrintBackend:
    """Imported late: each system has only its own library."""
    if sys.platform == "win32":
        from hpf_desktop.print.windows import WindowsBackend

        return WindowsBackend()
    from hpf_desktop.print.cups import CupsBackend

    return CupsBackend()
