"""Operators, certificates, challenges, sessions, audit."""

from server.migrations.sql import run

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    run("0002_login.sql")
