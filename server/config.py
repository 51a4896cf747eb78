"""Where the server's parts are: read once from the environment, or made by the demo."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from server.counter.perform import is_production
from server.payments import Pace


@dataclass(frozen=True)
class Config:
    """``files`` holds the TLS key, the trust list and the signing key, as ``server/demo_ca.py``
    lays them out; ``audience`` is the origin that clients sign for, ``https://host:port``."""

    database_url: str
    files: Path
    host: str
    port: int
    audience: str
    public_url: str
    bank_url: str
    bank_key: bytes
    pace: Pace = Pace()
    is_production: bool = False  # forbids what only a trial may do

    @classmethod
    def from_environment(cls) -> Config:
        """Raises KeyError naming the variable that is missing."""
        host = os.environ.get("HPF_HOST", "127.0.0.1")
        port = int(os.environ.get("HPF_PORT", "8443"))
        audience = os.environ.get("HPF_AUDIENCE", f"https://{host}:{port}")
        return cls(
            database_url=os.environ["HPF_DATABASE_URL"],
            files=Path(os.environ["HPF_FILES"]),
            host=host,
            port=port,
            audience=audience,
            public_url=os.environ.get("HPF_PUBLIC_URL", audience),
            bank_url=os.environ["HPF_BANK_URL"],
            bank_key=bytes.fromhex(os.environ["HPF_BANK_KEY"]),
            is_production=is_production(),
            pace=Pace(
                bank_timeout_s=float(os.environ.get("HPF_BANK_TIMEOUT_S", "60")),
                not_found_grace_s=float(os.environ.get("HPF_BANK_GRACE_S", "60")),
                backoff_s=_seconds(os.environ.get("HPF_BANK_BACKOFF_S", "10 30 60 300")),
            ),
        )


def _seconds(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split())
