"""What tests share: a real PostgreSQL for the session, a clean database for each that needs one."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from server.db import Connection, Pool, open_pool
from server.migrate import migrate
from server.postgres import EmbeddedPostgres

# Before Qt is imported: tests need no screen unless they bring one.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL of the session's own, or the one named; ``template_hpf`` in it is migrated."""
    if url := os.environ.get("HPF_TEST_DATABASE_URL"):
        _make_template(url)
        yield url
        return
    root = Path(tempfile.mkdtemp(prefix="hpf-test-", dir=shared_folder()))
    root.chmod(0o755)
    with EmbeddedPostgres(root / "postgres") as url:
        _make_template(url)
        yield url
    shutil.rmtree(root, ignore_errors=True)


def shared_folder() -> str | None:
    """Where PostgreSQL's own user can get to: the tests may run from root's home."""
    return "/var/tmp" if Path("/var/tmp").is_dir() else None


def _make_template(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("drop database if exists template_hpf with (force)")
        conn.execute("create database template_hpf")
    migrate(make_conninfo(url, dbname="template_hpf"))


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The URL of a migrated, empty database for one test."""
    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(
            sql.SQL("create database {} template template_hpf").format(sql.Identifier(name))
        )
    yield make_conninfo(postgres, dbname=name)
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connections as the application has them: with its role and its limits."""
    async with open_pool(database, 8) as pool:
        yield pool


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction, rolled back at the end."""
    async with pool.connection() as conn:
        yield conn
        await conn.rollback()
