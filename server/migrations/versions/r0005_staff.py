"""The centre's staff, their roles, sessions and pending approvals."""

from server.migrations.sql import run

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    run("0005_staff.sql")
