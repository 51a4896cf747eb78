"""The outbox of short messages."""

from server.migrations.sql import run

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    run("0003_sms.sql")
