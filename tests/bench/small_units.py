"""Units of ten people through four connections, beside pgbench's TPC-B-like on the same server."""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from server.db import Pool, open_pool, transaction
from server.postgres import MAJOR
from server.postgres_host import PACKAGE, program
from tests.bench.centre import DAY, FIRST, open_units, owner, remit, row, vacuum

CONNECTIONS = 4
PEOPLE, UNITS = 10, 400
ROUNDS, ROUND_S = 5, 2
TARGET, P99_MAX = 0.42, 4.0


def find_pgbench() -> Path:
    """It comes with the embedded PostgreSQL."""
    spec = find_spec(PACKAGE)
    assert spec is not None and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"
    return folder / program("pgbench")


def pgbench(url: str, *arguments: str) -> str:
    given = conninfo_to_dict(url)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    known = {name: str(given[key]) for key, name in names.items() if key in given}
    done = subprocess.run(
        [str(find_pgbench()), *arguments, "tpcb"],
        env=os.environ | known, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


def tpcb_tps(url: str) -> float:
    often = ("-M", "prepared", "-c", str(CONNECTIONS), "-j", "2", "-T", str(ROUND_S), "-n")
    found = re.search(r"tps = ([0-9.]+)", pgbench(url, *often))
    assert found, "pgbench says how fast it was"
    return float(found[1])


class Round:
    """Businesses one after the other through each connection, each of another unit."""

    def __init__(self, pool: Pool, unit_ids: list[int]) -> None:
        self.pool = pool
        self.months = dict.fromkeys(unit_ids, FIRST)
        self.taken_s: list[float] = []

    async def run(self) -> float:
        """Businesses a second."""
        self.taken_s = []
        start = time.perf_counter()
        ids = list(self.months)
        await asyncio.gather(*(self._work(ids[n::CONNECTIONS], start) for n in range(CONNECTIONS)))
        return len(self.taken_s) / (time.perf_counter() - start)

    async def _work(self, unit_ids: list[int], start: float) -> None:
        while True:
            for unit_id in unit_ids:
                before = time.perf_counter()
                if before - start > ROUND_S:
                    return
                async with transaction(self.pool) as conn:
                    await remit(conn, unit_id, self.months[unit_id], PEOPLE)
                self.months[unit_id] = self.months[unit_id].plus(1)
                self.taken_s.append(time.perf_counter() - before)


async def measure_all(url: str) -> list[dict[str, Any]]:
    pairs, tails = [], []
    async with open_pool(url, CONNECTIONS) as pool:
        async with transaction(pool) as conn:
            ids = await open_units(conn, [PEOPLE] * UNITS, DAY)
        round_ = Round(pool, ids)
        for number in range(ROUNDS + 1):
            reference = await asyncio.to_thread(tpcb_tps, url)
            found = await round_.run()
            await vacuum(pool)
            if number:
                pairs.append((found, reference))
                cuts = statistics.quantiles(round_.taken_s, n=100)
                tails.append((cuts[98] * 1000, cuts[49] * 1000))
    what = f"units of {PEOPLE} people, {CONNECTIONS} connections: lock, posting, receipt, commit"
    return [
        row(what, "business/s", "pgbench -M prepared, TPC-B-like, tps", pairs, TARGET),
        row(f"{what}: p99", "ms", "their p50", tails, P99_MAX, at_most=True),
    ]


def measure(url: str) -> list[dict[str, Any]]:
    """``url`` names a migrated database that may be filled."""
    with owner(url) as conn:
        conn.execute("create database tpcb")
    pgbench(make_conninfo(url), "-i", "-q", "-s", str(CONNECTIONS))
    return asyncio.run(measure_all(url))
