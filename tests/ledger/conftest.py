"""A year of books, played once; each test gets a copy that it may spoil."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from server.db import open_pool
from tests.ledger.year import play_year


def _run(postgres: str, statement: str, *names: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def played_year(postgres: str) -> Iterator[str]:
    """The name of a database that nobody is connected to."""
    name = f"year_{secrets.token_hex(4)}"
    _run(postgres, "create database {} template template_hpf", name)

    async def play() -> None:
        async with open_pool(make_conninfo(postgres, dbname=name), 2) as pool:
            await play_year(pool)

    asyncio.run(play())
    yield name
    _run(postgres, "drop database {} with (force)", name)


@pytest.fixture
def year(postgres: str, played_year: str) -> Iterator[str]:
    """The URL of a year of books."""
    name = f"{played_year}_{secrets.token_hex(4)}"
    _run(postgres, "create database {} template {}", name, played_year)
    yield make_conninfo(postgres, dbname=name)
    _run(postgres, "drop database {} with (force)", name)
