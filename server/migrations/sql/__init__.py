"""The SQL of each migration, one file each."""

from pathlib import Path

from alembic import op


def run(name: str) -> None:
    op.get_bind().exec_driver_sql((Path(__file__).parent / name).read_text(encoding="utf-8"))
