"""Settlement runs and what each account was credited."""

from server.migrations.sql import run

revision, down_revision = "0009", "0008"


def upgrade() -> None:
    run("0009_interest.sql")
