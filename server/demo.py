"""The demo behind the window: embedded PostgreSQL, sandbox bank, sample units, the server."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import os
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from server import demo_ca, log
from server.config import Config
from server.db import Pool, open_pool, transaction
from server.demo_phone import deliver
from server.demo_units import OPERATOR_PASSWORD, STAFF, STAFF_PASSWORD, UNITS, seed
from server.migrate import migrate
from server.outside.bank import HttpBank
from server.outside.bank_wire import NOTICE
from server.outside.sandbox_bank.control import READY_FILE, Ready, SandboxBank
from server.parameters import business_day
from server.payments import Pace
from server.postgres import EmbeddedPostgres, default_root
from server.serve import server

logger = logging.getLogger(__name__)
ORPHAN_LIMIT_S = 10.0
FOLLOW_EVERY_S = 0.2
PACE = Pace(bank_timeout_s=10.0, backoff_s=(1.0, 2.0, 5.0, 10.0), not_found_grace_s=70.0)


def run(folder: Path, port: int, is_fresh: bool) -> None:
    """Serves until a signal; writes ``ready.json`` into ``folder`` once it does.

    ``is_fresh`` begins with empty books; else the demo goes on where it stopped, or was killed.
    """
    log.configure()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ready.json").unlink(missing_ok=True)
    root = Path(os.environ.get("HPF_DEMO_DATABASE", default_root() / "demo"))
    _end_orphan(folder / "bank")
    if is_fresh:
        shutil.rmtree(folder / "bank", ignore_errors=True)
    with EmbeddedPostgres(root) as url, SandboxBank(folder / "bank") as bank:
        database = _database(url, is_fresh)
        migrate(database)
        ca = demo_ca.make(folder / "ca", demo_ca.Holder(UNITS[0].name, UNITS[0].uscc, "李经办"))
        config = _config(database, ca.folder, bank.ready, port)
        asyncio.run(_serve(folder, config, bank, ca))


def _end_orphan(bank: Path) -> None:
    """A server that was killed leaves its bank running, with the books in its hands."""
    ready_file = bank / READY_FILE
    if not ready_file.exists():
        return
    pid = msgspec.json.decode(ready_file.read_bytes(), type=Ready).pid
    command = Path(f"/proc/{pid}/cmdline")
    if not command.exists() or b"sandbox_bank" not in command.read_bytes():
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + ORPHAN_LIMIT_S
    while command.exists() and command.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.05)


async def _serve(folder: Path, config: Config, bank: SandboxBank, ca: demo_ca.DemoCa) -> None:
    async with open_pool(config.database_url, 2) as pool:
        async with HttpBank(config.bank_url, config.bank_key, timeout_s=10) as client:
            keys = [ca.operator("p256").der, ca.operator("rsa2048").der]
            unit_id = await seed(pool, client, bank, keys)
        beside = [
            asyncio.create_task(_follow_day(pool, bank)),
            asyncio.create_task(deliver(pool, folder / "phone.txt")),
        ]
        await _serve_until_ended(folder, config, bank, ca, unit_id)
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


async def _follow_day(pool: Pool, bank: SandboxBank) -> None:
    """A sandbox bank has no clock: its day goes with the centre's, by whichever door day end came.
    Else what is paid after it would stand in the books a day later than at the bank."""
    told: datetime.date | None = None
    while True:
        try:
            async with transaction(pool) as conn:
                day = await business_day(conn)
            if day != told:
                await asyncio.to_thread(bank.set_day, day)
                told = day
        except Exception as error:  # noqa: BLE001 - It goes on when both are back.
            logger.error("demo: the bank's day was not set: %s", log.describe(error))
        await asyncio.sleep(FOLLOW_EVERY_S)


async def _serve_until_ended(
    folder: Path, config: Config, bank: SandboxBank, ca: demo_ca.DemoCa, unit_id: int
) -> None:
    serving = server(config)
    task = asyncio.create_task(serving.serve())
    while not serving.started and not task.done():
        await asyncio.sleep(0.05)
    await asyncio.to_thread(bank.set_notices, config.audience + NOTICE, ca.root_file)
    ready = {
        "url": config.audience,
        "ca": str(ca.root_file),
        "operator_key": str(ca.operator("p256").key_file),
        "operator_certificate": str(ca.operator("p256").certificate_file),
        "database": config.database_url,
        "bank": {
            "url": config.bank_url,
            "key": bank.ready.key_hex,
            "admin_token": bank.ready.admin_token,
        },
        "unit_id": unit_id,
        "password": OPERATOR_PASSWORD,
        "phone": str(folder / "phone.txt"),
        "staff": {"names": list(STAFF), "password": STAFF_PASSWORD},
        "pid": os.getpid(),
    }
    _write(folder / "ready.json", ready)
    names = "、".join(f"{name}（{shown}）" for name, (shown, _) in STAFF.items())
    print(f"中心柜台的用户 {names}，密码 {STAFF_PASSWORD}")
    print(f"单位账号 {unit_id} 的登录密码 {OPERATOR_PASSWORD}；短信见 {ready['phone']}", flush=True)
    await task


def _write(file: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, and for this user alone: it holds the demo's passwords."""
    part = file.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    part.replace(file)


def _database(url: str, is_fresh: bool) -> str:
    with psycopg.connect(url, autocommit=True) as conn:
        if is_fresh:
            conn.execute("drop database if exists hpf_demo with (force)")
        found = conn.execute("select 1 from pg_database where datname = 'hpf_demo'").fetchone()
        if found is None:
            conn.execute("create database hpf_demo")
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
