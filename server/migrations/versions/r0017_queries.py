"""Indexes for the queries."""

from server.migrations.sql import run

revision, down_revision = "0017", "0016"


def upgrade() -> None:
    run("0017_queries.sql")
