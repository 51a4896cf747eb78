"""Refunds that the bank refused: what takes their place."""

from server.migrations.sql import run

revision, down_revision = "0012", "0011"


def upgrade() -> None:
    run("0012_refunds.sql")
