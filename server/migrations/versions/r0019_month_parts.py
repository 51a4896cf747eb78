"""Months of a transaction with their unit part and the persons that were paid for."""

from server.migrations.sql import run

revision, down_revision = "0019", "0018"


def upgrade() -> None:
    run("0019_month_parts.sql")
