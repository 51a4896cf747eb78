"""Runs every benchmark and writes out/bench/results.json; the exit code does not hang on speed."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from server.migrate import migrate
from server.postgres import EmbeddedPostgres

OUT = Path("out/bench")
ON_DATABASE = ("remittance", "small_units", "settlement", "queries")
PARTS = ("sheet", *ON_DATABASE, "receipts")


def measure_part(name: str) -> list[dict[str, Any]]:
    module = importlib.import_module(f"tests.bench.{name}")
    if name not in ON_DATABASE:
        return list(module.measure())
    with tempfile.TemporaryDirectory(prefix="hpf-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "postgres") as url:
            with psycopg.connect(url, autocommit=True) as conn:
                conn.execute("create database bench")
            database = make_conninfo(url, dbname="bench")
            migrate(database)
            return list(module.measure(database))


def main() -> int:
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[])
    results: list[dict[str, Any]] = []
    for name in parser.parse_args().parts or PARTS:
        print(f"—— {name}", flush=True)
        for result in measure_part(name):
            results.append(result)
            verdict = "达到" if result["met"] else "未达到"
            print(
                f"{result['name']}: {result['value']} {result['unit']}，参照 {result['reference']}"
                f" {result['reference_value']}，"
                f"比值 {result['ratio']}（目标 {result['target']}）{verdict}",
                flush=True,
            )
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "results.json").write_text(
        json.dumps(results, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
