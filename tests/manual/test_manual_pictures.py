"""The pictures are those that the demo takes, small, and show words that the program still says."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from hpf_desktop import demo
from hpf_desktop.manual.pictures import PICTURES, TAKEN, WORDS, said_by_program, trimmed
from hpf_desktop.manual.topics import FOLDER

TOTAL_MAX_BYTES = 2_000_000
SHOWN = {
    name
    for file in FOLDER.glob("*.md")
    for name in re.findall(r"\(pictures/(\w+)\.png\)", file.read_text("utf-8"))
}
AGAIN = "python -m hpf_desktop.manual pictures"


def steps_of_the_demo() -> list[str]:
    """Every text that the player of the demo has in it."""
    files = list(Path(demo.__file__).parent.glob("*.py"))
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8"))))
    return [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def test_pictures_are_those_shown_and_those_taken() -> None:
    there = {file.stem for file in PICTURES.glob("*.png")}
    assert there == SHOWN == TAKEN.keys()
    assert sum(file.stat().st_size for file in PICTURES.iterdir()) < TOTAL_MAX_BYTES


@pytest.mark.parametrize("name", TAKEN)
def test_picture_is_taken_by_a_step_that_is_still_there(name: str) -> None:
    assert any(text.startswith(TAKEN[name]) for text in steps_of_the_demo())


@pytest.mark.parametrize("name", TAKEN)
def test_words_on_a_picture_are_still_said(name: str) -> None:
    words = json.loads(WORDS.read_text("utf-8"))[name]
    said = said_by_program()
    gone = [word for word in words if word not in said]
    assert words and not gone, f"{AGAIN}: {name}.png still shows {gone}"


def test_empty_ground_around_is_cut_off() -> None:
    window = Image.new("RGB", (400, 300), "white")
    window.paste("black", (100, 50, 140, 70))
    assert trimmed(window).size == (40 + 32, 20 + 32)
    assert trimmed(Image.new("RGB", (10, 10), "white")).size == (10, 10)
