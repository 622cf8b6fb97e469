"""What the server answers: the page, what it must know of the model, sample images, predictions."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from tasks.demo.guards import add_headers, guard_host, guard_origin, say_errors
from tasks.demo.inference import MOST_PIXELS, Inference
from tasks.demo.samples import find_samples, make_thumbnail
from tasks.demo.traffic import MOST_BYTES, Traffic, read_body
from tasks.models.architecture import name_network
from tasks.models.description import Description
from tasks.page.files import read_files
from tasks.task import find_task

PAGE = Path(__file__).parent / "page"
TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}

INFERENCE = web.AppKey("inference", Inference)
MODEL_KEY = web.AppKey("model", dict[str, Any])
TRAFFIC = web.AppKey("traffic", Traffic)
SAMPLES_KEY = web.AppKey("samples", list[Path])


def build_app(inference: Inference, *, checkpoint: str, host: str) -> web.Application:
    """Build the application.

    Args:
        inference: of the model.
        checkpoint: its name, for the page.
        host: that the server is bound to.
    """
    traffic = Traffic()
    middlewares: list[Middleware] = [traffic.follow, say_errors, guard_host(host), guard_origin]
    app = web.Application(middlewares=middlewares, client_max_size=MOST_BYTES)
    app.on_response_prepare.append(add_headers)
    description = inference.predictor.description
    app[INFERENCE], app[TRAFFIC] = inference, traffic
    app.cleanup_ctx.append(close_with)
    app[SAMPLES_KEY] = find_samples(description.dataset)
    app[MODEL_KEY] = {
        **describe_model(description),
        "checkpoint": checkpoint,
        "lowest": inference.lowest,
        "samples": [path.name for path in app[SAMPLES_KEY]],
        "most_bytes": MOST_BYTES,
        "most_pixels": MOST_PIXELS,
    }
    app.add_routes([web.get(f"/{name}", handler) for name, handler in page_handlers().items()])
    app.add_routes(
        [
            web.get("/model", send_model),
            web.get(r"/samples/{index:\d{1,4}}", send_sample),
            web.get(r"/samples/{index:\d{1,4}}/thumbnail", send_thumbnail),
            web.post("/predict", send_prediction),
            web.post("/picture", send_picture),
        ]
    )
    return app


def describe_model(description: Description) -> dict[str, Any]:
    """Return what the page says of a model, and its classes with their colours and thresholds."""
    arch, table, size = description.arch, description.classes, description.preprocessing.size
    task = find_task(arch.head)
    thresholds = description.thresholds or (task.parts.usual_threshold(arch),) * len(table)
    classes = zip(table.names, table.colors, thresholds, strict=True)
    return {
        "task": task.kind,
        "scores": arch.scores,
        "name": name_network(arch.head, arch.backbone),
        "input": list(size) if isinstance(size, tuple) else size,
        "chosen": description.thresholds is not None,
        "classes": [{"name": name, "color": color, "threshold": threshold} for name, color, threshold in classes],
    }


def page_handlers() -> dict[str, Any]:
    """Read the page's files and return what sends each, by its name; index.html's is ""."""

    def send(content: bytes, kind: str) -> Any:
        async def handler(request: web.Request) -> web.Response:
            return web.Response(body=content, content_type=kind, charset="utf-8")

        return handler

    files = {name: content for name, content in read_files(PAGE).items() if Path(name).suffix in TYPES}
    return {name.replace("index.html", ""): send(content, TYPES[Path(name).suffix]) for name, content in files.items()}


async def send_model(request: web.Request) -> web.Response:
    """Send what the page must know."""
    return web.json_response(request.app[MODEL_KEY])


async def send_sample(request: web.Request) -> web.FileResponse:
    """Send a sample image as its file is."""
    return web.FileResponse(find_sample(request))


async def send_thumbnail(request: web.Request) -> web.Response:
    """Send a small picture of a sample image."""

    def encode(path: Path) -> bytes:
        file = BytesIO()
        make_thumbnail(path).save(file, "JPEG")
        return file.getvalue()

    return web.Response(body=await asyncio.to_thread(encode, find_sample(request)), content_type="image/jpeg")


async def send_prediction(request: web.Request) -> web.Response:
    """Predict for the image file that the body is, see `tasks.demo.inference.predict`."""
    async with request.app[TRAFFIC].room(request):
        return web.json_response(await request.app[INFERENCE].predict(*await read_upload(request)))


async def send_picture(request: web.Request) -> web.Response:
    """Send the image file that the body is as JPEG: some kinds of files no browser shows."""
    async with request.app[TRAFFIC].room(request):
        content = await request.app[INFERENCE].convert(*await read_upload(request))
    return web.Response(body=content, content_type="image/jpeg")


async def read_upload(request: web.Request) -> tuple[bytes, str]:
    """Return the body, and the name that the query gives it.

    Raises:
        HTTPRequestEntityTooLarge: if it is too large; one that says so itself is not read.
    """
    name = request.query.get("name", "image")[:100]
    try:
        if (request.content_length or 0) > MOST_BYTES:
            raise web.HTTPRequestEntityTooLarge(MOST_BYTES, request.content_length or 0)
        return await read_body(request), name
    except web.HTTPRequestEntityTooLarge as error:
        error.text = f"{name}: the file is too large; expected at most {MOST_BYTES // 2**20} MB"
        raise


def find_sample(request: web.Request) -> Path:
    """Return the path of the sample image that an address names.

    Raises:
        HTTPNotFound: if there is none.
    """
    index, paths = int(request.match_info["index"]), request.app[SAMPLES_KEY]
    if index >= len(paths) or not paths[index].is_file():
        raise web.HTTPNotFound(text=f"no sample {index}; expected one of {len(paths)}")
    return paths[index]


async def close_with(app: web.Application) -> AsyncIterator[None]:
    """End the model's thread when the application ends."""
    yield
    app[INFERENCE].close()
