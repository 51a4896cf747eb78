"""The database's history: plain SQL files, applied in order by Alembic."""
