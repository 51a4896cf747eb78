"""Migrations bring an empty database up, can be repeated, and leave alone what they do not know."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from server.migrate import UnknownSchema, insist_on_newest, migrate


@pytest.fixture
def empty(postgres: str) -> Iterator[str]:
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute("create database unknown_state")
        yield make_conninfo(postgres, dbname="unknown_state")
        conn.execute("drop database unknown_state with (force)")


def test_migrate_again_changes_nothing(empty: str) -> None:
    assert migrate(empty) == migrate(empty)


def test_migrate_foreign_tables_are_refused_and_kept(empty: str) -> None:
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute("create table payroll (id int)")
    with pytest.raises(UnknownSchema):
        migrate(empty)
    with psycopg.connect(empty) as conn:
        assert conn.execute(
            "select count(*) from pg_tables where schemaname = 'public'"
        ).fetchone() == (1,)


def test_migrate_revision_of_a_newer_program_is_refused(empty: str) -> None:
    migrate(empty)
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(UnknownSchema, match="9999"):
        migrate(empty)


def test_server_does_not_start_on_a_database_without_the_newest_schema(empty: str) -> None:
    with pytest.raises(UnknownSchema, match="migrate"):
        insist_on_newest(empty)
    migrate(empty)
    insist_on_newest(empty)
