import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from data.errors import InputError
from tasks.demo.command import address_of, demo, has_browser
from tests.support.commands import hear_signals
from tests.support.runs import CONF, load_config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["port=70000"], "port: 70000; expected 1 to 65535, or 0 for any"),
        (["port=www"], "port: 'www'; expected an integer"),
        (["host=''"], "host: ''; expected 127.0.0.1"),
        (["host=a..b"], "host: cannot listen at 'a..b'"),
        (["host=192.0.2.1"], "host: cannot listen at '192.0.2.1'"),
        (["open=2"], "open: 2; expected true or false"),
        (["checkpoint=gone.ckpt"], "checkpoint: no file gone.ckpt"),
    ],
)
def test_wrong_options_are_refused_by_name(options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        demo(load_config("demo", "checkpoint=x", "port=0", *options))


def test_a_port_that_is_taken_is_said_before_the_model_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"port: {port} is taken; expected a free one, or 0 for any"):
            demo(load_config("demo", "checkpoint=gone.ckpt", f"port={port}"))


def test_the_address_is_one_that_a_browser_takes() -> None:
    assert address_of("127.0.0.1", 80) == "http://127.0.0.1:80"
    assert address_of("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address_of("::1", 80) == "http://[::1]:80"


def test_no_browser_is_opened_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not has_browser()
    monkeypatch.setenv("DISPLAY", ":0")
    assert has_browser()


@pytest.mark.slow
def test_the_command_says_its_address_and_ends_at_an_interrupt_with_one_line(models: dict[str, Path]) -> None:
    options = [f"checkpoint={models['ssdlite']}", "port=0", "open=false", "accelerator=cpu", "host=0.0.0.0"]
    command = [sys.executable, "-m", "tasks.demo", *options]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=CONF.parent, preexec_fn=hear_signals
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("host=0.0.0.0: whoever reaches this machine's port")
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+ \(Ctrl-C ends it\)\n", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "stopped\n"
        assert process.wait(10) == 0
