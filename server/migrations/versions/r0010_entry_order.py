"""A transaction's entries lie together; crediting an account looks at no other table."""

from server.migrations.sql import run

revision, down_revision = "0010", "0009"


def upgrade() -> None:
    run("0010_entry_order.sql")
