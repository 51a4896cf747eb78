"""Bases and ratios that change from a month on."""

from server.migrations.sql import run

revision, down_revision = "0014", "0013"


def upgrade() -> None:
    run("0014_changes.sql")
