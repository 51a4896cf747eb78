"""One call posts a transaction of the ledger: fewer round trips, kept plans."""

from server.migrations.sql import run

revision, down_revision = "0011", "0010"


def upgrade() -> None:
    run("0011_posting.sql")
