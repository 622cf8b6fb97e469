import socket
from pathlib import Path

import pytest

from tasks.predict.predictor import Predictor
from tests.support.pictured_models import draw_image, encode
from tests.tasks.demo.served import ask, build


@pytest.mark.parametrize(
    ("bound", "host", "status"),
    [
        ("127.0.0.1", "localhost:9999", 200),  # another port: one that is forwarded
        ("127.0.0.1", "LOCALHOST", 200),
        ("127.0.0.1", "[::1]:8000", 200),
        ("127.0.0.1", "attacker.example", 403),
        ("127.0.0.1", "localhost.attacker.example:8000", 403),
        ("127.0.0.1", "127.0.0.1.nip.example", 403),
        ("127.0.0.1", "192.168.0.7:8000", 403),
        ("127.0.0.1", "", 403),
        ("127.0.0.1", "[", 403),
        ("0.0.0.0", "192.168.0.7:8000", 200),
        ("0.0.0.0", socket.gethostname(), 200),
        ("0.0.0.0", "attacker.example", 403),
        ("box.local", "box.local:8000", 200),
    ],
)
def test_only_names_of_this_server_are_answered(models: dict[str, Path], bound: str, host: str, status: int) -> None:
    reply = ask(build(Predictor(models["ssdlite"]), bound), "GET", "/model", headers={"Host": host})
    assert reply.status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost:8000"}, 200),
        ({"Origin": "http://attacker.example"}, 403),
        ({"Origin": "http://localhost:9000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[x"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
    ],
)
def test_other_sites_are_refused(models: dict[str, Path], headers: dict[str, str], status: int) -> None:
    headers = {"Host": "localhost:8000", **headers}
    reply = ask(build(Predictor(models["ssdlite"])), "POST", "/predict", data=encode(draw_image()), headers=headers)
    assert reply.status == status


@pytest.mark.parametrize("path", ["/", "/main.js", "/model", "/nothing"])
def test_every_answer_keeps_the_page_to_itself(models: dict[str, Path], path: str) -> None:
    headers = ask(build(Predictor(models["ssdlite"])), "GET", path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
