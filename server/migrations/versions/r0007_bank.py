"""What the bank tells by itself, and the reconciliation of a day."""

from server.migrations.sql import run

revision, down_revision = "0007", "0006"


def upgrade() -> None:
    run("0007_bank.sql")
