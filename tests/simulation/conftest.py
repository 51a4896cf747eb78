"""One sandbox bank for the package: each history has a centre and units of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.outside.sandbox_bank.control import SandboxBank


@pytest.fixture
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxBank]:
    with SandboxBank(tmp_path_factory.mktemp("bank"), seed=1) as running:
        yield running
