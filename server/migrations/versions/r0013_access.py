"""Units log in by password: passwords, captchas, codes by short message."""

from server.migrations.sql import run

revision, down_revision = "0013", "0012"


def upgrade() -> None:
    run("0013_access.sql")
