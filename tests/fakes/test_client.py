"""The fake server is no easier than the real client: the same calls with the same arguments."""

from __future__ import annotations

import inspect

import pytest

from hpf_desktop.client import Client
from tests.fakes.client import FakeClient

CALLS = [name for name, _ in inspect.getmembers(Client, inspect.isfunction) if name[0] != "_"]


@pytest.mark.parametrize("name", CALLS)
def test_fake_takes_the_arguments_of_the_client(name: str) -> None:
    real, fake = (
        inspect.signature(getattr(Client, name)),
        inspect.signature(getattr(FakeClient, name)),
    )
    assert [(p.name, p.default) for p in real.parameters.values()] == [
        (p.name, p.default) for p in fake.parameters.values()
    ]
