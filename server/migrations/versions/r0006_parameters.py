"""Parameters that are set again for the same day; the latest word counts."""

from server.migrations.sql import run

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    run("0006_parameters.sql")
