"""Sub-accounts, reversals, reserves, interest, deferrals, ratios by month."""

from server.migrations.sql import run

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    run("0004_money.sql")
