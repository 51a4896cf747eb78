"""What is registered of a unit, and its history of changes."""

from server.migrations.sql import run

revision, down_revision = "0016", "0015"


def upgrade() -> None:
    run("0016_registration.sql")
