"""What each closed day came to in the general ledger."""

from server.migrations.sql import run

revision, down_revision = "0008", "0007"


def upgrade() -> None:
    run("0008_books.sql")
