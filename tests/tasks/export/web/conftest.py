from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.export.facts import list_facts
from tasks.export.web.runtime import PACKAGE, VARIABLE, find_here
from tasks.export.web.writing import PAGE, write_page
from tasks.formats.contract import Contract, describe_file, read_contract
from tasks.formats.conversion import Conversion
from tasks.formats.settings import GraphSettings
from tasks.formats.table import FORMATS
from tasks.inference.loading import load_model
from tasks.task import find_task
from tests.support.browser import running_browser, watched_page
from tests.support.once import make_once
from tests.support.pictured_models import THRESHOLDS, save_model

SIZE = (64, 96)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def runtime() -> Path:
    """Return the folder of onnxruntime-web's files; nothing is fetched here."""
    folder = find_here()
    if folder is None:
        pytest.skip(f"no {PACKAGE}: python -m tasks.export.web.runtime fetches it, or {VARIABLE}=DIR names it")
    return folder


@pytest.fixture(scope="session")
def export(shared: Path) -> Any:
    """Return a function from a task to the folder of its tiny model as ONNX, made once."""

    def make(task: str) -> Path:
        folder = shared / "web" / task
        make_once(folder / "made.json", partial(write_onnx, task, folder))
        return folder

    return make


def write_onnx(task: str, folder: Path) -> bool:
    """Export a tiny model of random weights as ONNX, with its model.json."""
    changes = {"thresholds": THRESHOLDS} if task == "ssdlite" else {}
    model = load_model(save_model(task, folder / "m.safetensors", **changes))
    settings, kind, path = GraphSettings(size=SIZE), FORMATS["onnx"], folder / "model.onnx"
    description = replace(model.description, preprocessing=replace(model.description.preprocessing, size=SIZE))
    kind.code.convert(find_task(description.arch.head).parts.build_graph(model, settings), path, Conversion())
    session = kind.code.open_session(path, threads=1)
    file = describe_file(path, kind, precision="fp32", input=session.input, outputs=session.outputs)
    facts = list_facts(description, settings, checkpoint={"name": "m.safetensors"}, kind=kind)
    Contract(description, settings, {path.name: file}, facts).write(folder)
    return True


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and nothing but files: no header that keeps a page to itself."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def serve() -> Iterator[Any]:
    """Return a function that serves a folder and returns its address."""
    servers = []

    def start(folder: Path) -> str:
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def scripts(browser: Any, serve: Any) -> Any:
    """Open a browser where the page's scripts can be imported."""
    page = browser.new_page()
    page.goto(serve(PAGE))
    yield page
    page.close()


@pytest.fixture(scope="module")
def site(request: Any, browser: Any, runtime: Path, export: Any, serve: Any, tmp_path_factory: Any) -> SimpleNamespace:
    """Write and serve the page of a task's model, of which images are resized by a rule: its folder and its address."""
    task, rule = request.param
    source, folder = export(task), tmp_path_factory.mktemp("site")
    contract = read_contract(source / "model.json")
    preprocessing = replace(contract.description.preprocessing, resize=rule)
    facts = {**contract.facts, "preprocessing": {**contract.facts["preprocessing"], "resize": rule}}
    description = replace(contract.description, preprocessing=preprocessing)
    write_page(folder, source / "model.onnx", replace(contract, description=description, facts=facts), runtime=runtime)
    return SimpleNamespace(folder=folder, model=folder / "model.onnx", address=serve(folder))


@pytest.fixture
def page(browser: Any, site: SimpleNamespace) -> Iterator[Any]:
    with watched_page(browser, site.address, requests=16) as page:
        yield page
