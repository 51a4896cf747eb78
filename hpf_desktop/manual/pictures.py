"""The manual's pictures: taken from the demo's own, cut to their window, and small."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from hpf_desktop.manual.topics import FOLDER

PICTURES = FOLDER / "pictures"
WORDS = PICTURES / "words.json"
ROOT = FOLDER.parents[1]
SOURCES = (ROOT / "hpf_desktop", ROOT / "server" / "business")
WIDTH_MAX_PX = 1300
COLOURS = 96
ROOM_PX = 16
LIMIT_S = 600
# The manual's name of a picture, and how the demo's begins after its number.
TAKEN = {
    "login": "登录窗口",
    "password_login": "密码登录",
    "register": "单位注册",
    "locked": "拔出 Key",
    "import": "导入预览",
    "check": "校验",
    "receipt": "回单-",
    "sealing": "个人封存-录入",
    "base_change": "缴存基数变更-录入",
    "transfer": "个人转移-录入",
    "registration": "单位缴存登记信息变更-录入",
    "ratio_change": "单位比例变更-试算",
    "remittance": "汇缴-应缴",
    "back_payment": "补缴-录入",
    "roster": "单位下人员明细查询",
    "receipts": "凭证重打",
    "settings": "设置",
}


def play(out: Path) -> None:
    """The demo without a screen, which takes the pictures; what it says goes to ours."""
    command = [sys.executable, "-m", "hpf_desktop.demo", "--out", str(out)]
    subprocess.run(["env", "-u", "DISPLAY", *command], cwd=ROOT, timeout=LIMIT_S, check=True)


def take(out: Path) -> dict[str, int]:
    """From the demo's folder into the manual's; returns the size of each in bytes."""
    shown: dict[str, dict[str, Any]] = json.loads(
        (out / "pictures" / "seen.json").read_text("utf-8")
    )
    PICTURES.mkdir(exist_ok=True)
    words, sizes, program = {}, {}, said_by_program()
    for name, begins in TAKEN.items():
        source = next(stem for stem in shown if stem.split("-", 1)[1].startswith(begins))
        png = reduced(out / "pictures" / f"{source}.png", tuple(shown[source]["box"]))
        (PICTURES / f"{name}.png").write_bytes(png)
        words[name] = [word for word in shown[source]["words"] if word in program]
        sizes[name] = len(png)
    WORDS.write_text(json.dumps(words, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return sizes


def said_by_program() -> str:
    """Every Chinese text of the windows and of the descriptions, & for a key left out."""
    texts = []
    for folder in SOURCES:
        for file in sorted(folder.rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value.replace("&", ""))
    return "\n".join(texts)


def trimmed(window: Image.Image) -> Image.Image:
    """Without the empty ground around what there is to see."""
    ground = Image.new("RGB", window.size, window.getpixel((1, window.height - 2)))
    found = ImageChops.difference(window, ground).getbbox()
    if found is None:
        return window
    left, top, right, bottom = found
    return window.crop(
        (max(left - ROOM_PX, 0), max(top - ROOM_PX, 0),
         min(right + ROOM_PX, window.width), min(bottom + ROOM_PX, window.height))
    )  # fmt: skip


def reduced(file: Path, box: tuple[int, ...]) -> bytes:
    """The window alone, in few colours: letters stay sharp."""
    with Image.open(file) as screen:
        left, top, width, height = box
        window = trimmed(screen.convert("RGB").crop((left, top, left + width, top + height)))
    if window.width > WIDTH_MAX_PX:
        window.thumbnail((WIDTH_MAX_PX, window.height), Image.Resampling.LANCZOS)
    few = window.quantize(COLOURS, dither=Image.Dither.NONE)
    made = io.BytesIO()
    few.save(made, "PNG", optimize=True)
    return made.getvalue()
