"""``python -m hpf_desktop.demo``: the window, logged out; without a screen the main job."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from hpf_desktop.demo import services
from hpf_desktop.demo.services import PIN, ROOT, NotStarted, say

ROSTER = ROOT / "resources" / "demo" / "roster.xlsx"


def main() -> int:
    options = _options()
    if not options.roster.is_file():
        sys.exit(f"[demo] 没有找到花名册文件 {options.roster}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = options.out / "work"
    work.mkdir(parents=True, exist_ok=True)
    os.environ["HPF_DESKTOP_FOLDER"] = str(work / "desktop")
    shutil.rmtree(work / "desktop", ignore_errors=True)
    try:
        return _with_window(options, work) if _has_screen() else _without_screen(options, work)
    except NotStarted as reason:
        print(f"[demo] 失败：{reason}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py demo", description=__doc__)
    parser.add_argument(
        "--roster", type=Path, default=ROSTER, help="另一个开户名单（xlsx、xls、ods、csv）"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="截图、回单和摘要放在哪里")
    return parser.parse_args()


def _has_screen() -> bool:
    return services.IS_WINDOWS or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def _with_window(options: argparse.Namespace, work: Path) -> int:
    """The client as an operator starts it, with everything running behind it."""
    from hpf_desktop import app

    with ExitStack() as running:
        server = running.enter_context(services.server(work / "server"))
        arguments = ["--server", server.url, "--ca", str(server.ca)]
        if services.IS_WINDOWS:
            say("Windows 上没有 vpcd：虚拟 Key 在本进程内运行，不经过 PC/SC")
            key = [str(server.operator_key), str(server.operator_certificate)]
            arguments += ["--virtual-key-in-process", *key, "--virtual-key-pin", PIN]
        else:
            running.enter_context(services.key_in_reader(server, work))
            running.enter_context(services.print_queue(work / "printed"))
        say(f"窗口已打开。Key 密码 {PIN}；开户名单示例 {ROSTER}。关闭窗口即结束演示")
        say(f"密码登录：单位账号 {server.unit_id}，密码 {server.password}；短信见 {server.phone}")
        code = app.main(arguments)
        server.export_books(options.out)
        return code


def _without_screen(options: argparse.Namespace, work: Path) -> int:
    """Plays the main job through the real window under Xvfb, and leaves its traces in ``out``."""
    with ExitStack() as running:
        running.enter_context(services.screen())
        server = running.enter_context(services.server(work / "server"))
        key = running.enter_context(services.key_in_reader(server, work))
        printed = running.enter_context(services.print_queue(work / "printed"))
        from hpf_desktop.demo.journey import play
        from hpf_desktop.manual.pdf import write_pdf

        summary = play(server, key, printed, options.roster.resolve(), options.out)
        server.export_books(options.out)
        write_pdf(options.out / "操作手册.pdf")
    text = json.dumps(asdict(summary), ensure_ascii=False, indent=1)
    (options.out / "summary.json").write_text(text, encoding="utf-8")
    summary.show()
    return 0 if summary.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
