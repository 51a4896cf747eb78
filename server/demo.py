"""The demo behind the window: embedded PostgreSQL, the sandbox bank, sample units, the server itself."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from server import demo_ca, log
from server.config import Config
from server.db import open_pool
from server.demo_units import UNITS, seed
from server.migrate import migrate
from server.outside.bank import HttpBank
from server.outside.sandbox_bank.control import Ready, SandboxBank
from server.payments import Pace
from server.postgres import EmbeddedPostgres, default_root
from server.serve import server

PACE = Pace(bank_timeout_s=10.0, backoff_s=(1.0, 2.0, 5.0, 10.0), not_found_grace_s=70.0)


def run(folder: Path, port: int) -> None:
    """Serves until a signal; writes ``ready.json`` into ``folder`` once it does."""
    log.configure()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ready.json").unlink(missing_ok=True)
    root = Path(os.environ.get("HPF_DEMO_DATABASE", default_root() / "demo"))
    shutil.rmtree(folder / "bank", ignore_errors=True)
    with EmbeddedPostgres(root) as url, SandboxBank(folder / "bank") as bank:
        database = _fresh_database(url)
        migrate(database)
        ca = demo_ca.make(folder / "ca", demo_ca.Holder(UNITS[0].name, UNITS[0].uscc, "李经办"))
        config = _config(database, ca.folder, bank.ready, port)
        asyncio.run(_serve(folder, config, bank, ca))


async def _serve(folder: Path, config: Config, bank: SandboxBank, ca: demo_ca.DemoCa) -> None:
    pool = open_pool(config.database_url, 2)
    await pool.open(wait=True, timeout=30)
    async with HttpBank(config.bank_url, config.bank_key, timeout_s=10) as client:
        keys = [ca.operator("p256").der, ca.operator("rsa2048").der]
        unit_id = await seed(pool, client, bank, keys)
    await pool.close()
    serving = server(config)
    task = asyncio.create_task(serving.serve())
    while not serving.started and not task.done():
        await asyncio.sleep(0.05)
    ready = {
        "url": config.audience,
        "ca": str(ca.root_file),
        "operator_key": str(ca.operator("p256").key_file),
        "operator_certificate": str(ca.operator("p256").certificate_file),
        "database": config.database_url,
        "bank": {"url": config.bank_url, "admin_token": bank.ready.admin_token},
        "unit_id": unit_id,
        "pid": os.getpid(),
    }
    _write(folder / "ready.json", ready)
    await task


def _write(file: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, and for this user alone: it holds the demo's passwords."""
    part = file.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    part.replace(file)


def _fresh_database(url: str) -> str:
    """Each run begins with empty books: what an earlier demo left is dropped."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL("drop database if exists hpf_demo with (force)"))
        conn.execute(sql.SQL("create database hpf_demo"))
    return make_conninfo(url, dbname="hpf_demo")


def _config(database: str, files: Path, bank: Ready, port: int) -> Config:
    port = port or _free_port()
    origin = f"https://127.0.0.1:{port}"
    return Config(
        database_url=database,
        files=files,
        host="127.0.0.1",
        port=port,
        audience=origin,
        public_url=origin,
        bank_url=bank.url,
        bank_key=bank.key,
        pace=PACE,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
