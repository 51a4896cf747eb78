"""Accounts move between units, with their earlier stays; looks at other units are counted."""

from server.migrations.sql import run

revision, down_revision = "0015", "0014"


def upgrade() -> None:
    run("0015_transfer.sql")
