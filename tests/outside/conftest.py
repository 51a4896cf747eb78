"""One sandbox bank for the package, in its own process, with a new payer for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.outside.sandbox_bank.control import SandboxBank
from tests.outside.centre import Centre, open_centre


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxBank]:
    with SandboxBank(tmp_path_factory.mktemp("bank"), seed=1) as running:
        yield running


@pytest.fixture
def centre(sandbox: SandboxBank) -> Centre:
    sandbox.clear_faults()
    return open_centre(sandbox)
