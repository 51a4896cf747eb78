"""Units, accounts, ledger, batches, payments, receipts."""

from server.migrations.sql import run

revision, down_revision = "0001", None


def upgrade() -> None:
    run("0001_ledger.sql")
