"""Brings a database to the newest schema, and refuses one whose state it does not know."""

from __future__ import annotations

from pathlib import Path

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool


class UnknownSchema(RuntimeError):
    """The database holds something other than what a migration of this program left."""


def insist_on_newest(url: str) -> None:
    """Raises UnknownSchema unless the database is exactly at this program's newest revision."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        found = connection.execute("select to_regclass('alembic_version')").fetchone()
        row = None
        if found and found[0]:
            row = connection.execute("select version_num from alembic_version").fetchone()
    newest = _scripts().get_current_head()
    if row is None or row[0] != newest:
        state = f"版本 {row[0]}" if row else "没有版本记录"
        raise UnknownSchema(
            f"数据库{state}，本程序需要 {newest}。请先运行 python -m server migrate"
        )


def migrate(url: str) -> str:
    """Applies what is missing, in one transaction; returns the revision it ends at."""
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url, connect_timeout=10),
        poolclass=NullPool,
    )
    with engine.begin() as connection:
        _refuse_unknown(connection, scripts)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return scripts.get_current_head() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _refuse_unknown(connection: sqlalchemy.Connection, scripts: ScriptDirectory) -> None:
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if revision is not None and revision not in known:
        raise UnknownSchema(f"数据库的版本 {revision} 不是本程序认识的版本，请使用对应版本的程序")
    if revision is None:
        tables = sqlalchemy.inspect(connection).get_table_names()
        if set(tables) - {"alembic_version"}:
            raise UnknownSchema(
                f"数据库不是空库，也没有版本记录（已有 {len(tables)} 张表），不作改动"
            )
