"""Printings that came to nothing may be taken back."""

from server.migrations.sql import run

revision, down_revision = "0018", "0017"


def upgrade() -> None:
    run("0018_prints.sql")
