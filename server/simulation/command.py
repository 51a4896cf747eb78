"""``python -m server simulate``: years of a centre by one seed, compared to the fen."""

from __future__ import annotations

import sys
from pathlib import Path

from server.simulation.life import Difference
from server.simulation.play import Plan, simulate


def run(plan: Plan, folder: Path | None) -> int:
    """Says how it goes; not zero, with the steps that led there, at the first difference."""
    try:
        life = simulate(plan, folder, lambda line: print(line, flush=True))
    except Difference as difference:
        print(f"seed {plan.seed}: {difference}", file=sys.stderr)
        return 1
    for name, count in sorted(life.counts.items()):
        print(f"{name}: {count}")
    print("differences: 0")
    return 0
