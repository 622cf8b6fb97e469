import io
import logging
import sys

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tasks.cli.terminal import GuardedStream, SafeConsole, guarded, show_controls
from tests.support.commands import run_command

EVIL = "a\x1b[2J\x1b]0;owned\x07\x9b1A\u202egnp\u2028b"
SHOWN = r"a\x1b[2J\x1b]0;owned\x07\x9b1A\u202egnp\u2028b"


def test_control_characters_are_shown_and_other_letters_stay():
    assert show_controls(EVIL) == SHOWN
    assert show_controls("é 行 \t\n שלום ✓") == "é 行 \t\n שלום ✓"


def test_what_is_printed_and_logged_is_guarded(capsys):
    with guarded():
        sys.stdout.write(EVIL)
        handler = logging.StreamHandler()
        handler.emit(logging.makeLogRecord({"msg": "%s: left out", "args": (EVIL,)}))
    found = capsys.readouterr()
    assert (found.out, found.err) == (SHOWN, f"{SHOWN}: left out\n")
    assert not isinstance(sys.stdout, GuardedStream)


def test_a_bar_of_another_package_still_draws_over_its_last_line():
    stream = io.StringIO()
    GuardedStream(stream).write("\r 50%")
    GuardedStream(stream).write("\rname\n")
    assert stream.getvalue() == "\r 50%\\rname\n"


def test_tables_keep_their_own_colours_and_show_those_of_names():
    stream = io.StringIO()
    console = SafeConsole(file=stream, force_terminal=True, width=80, color_system="standard")
    table = Table()
    table.add_row(Text(EVIL, style="red"))
    console.print(table)
    assert SHOWN[:10] in stream.getvalue()
    assert "\x1b[31m" in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()
    assert "\x07" not in stream.getvalue()


def test_rich_writes_past_the_guard_what_it_has_guarded_itself(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", GuardedStream(stream))
    Console(stderr=True, force_terminal=True).print(Text("x", style="bold"))
    assert "\x1b[1m" in stream.getvalue()


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_an_error_of_a_command_cannot_command_the_terminal(command, monkeypatch, capsys, tmp_path):
    options = [f"checkpoint='{tmp_path}/\x1b[2J.ckpt'", f"out={tmp_path / 'out'}"]
    ended = run_command(
        command, *options, *(["source=x"] * (command == "predict")), monkeypatch=monkeypatch, capsys=capsys
    )
    assert ended.status == 2
    assert r"\x1b[2J.ckpt" in ended.said
    assert "\x1b" not in ended.said
