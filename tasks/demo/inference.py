"""From the content of an image file to what the page draws, by one model that takes one image at a time."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, TypeVar

from PIL import Image

from data.errors import InputError
from data.image_headers import describe_size
from data.images import decode_image
from tasks.predict.predictor import Predictor
from tasks.task import find_task

LOWEST = 0.05  # score of a detection that the page may show, unless the checkpoint's thresholds are lower
MOST_PIXELS = 25_000_000  # of an image: a segmenter's memory grows with them
JPEG_QUALITY = 95
JPEG_SIDE = 65500  # pixels: libjpeg writes no more
Result = TypeVar("Result")


class Inference:
    """A model that works through images in the order of their arrival, in a thread of its own.

    Args:
        predictor: of the model; its threshold becomes `lowest`.

    Attributes:
        lowest: score of a detection that is sent; the page hides what is below the threshold that it shows.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        known = predictor.description
        usual = find_task(known.arch.head).parts.usual_threshold(known.arch)
        self.lowest = min(LOWEST, *(known.thresholds or (usual,)))
        predictor.threshold = self.lowest
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inference")

    async def predict(self, content: bytes, name: str) -> dict[str, Any]:
        """Predict for the content of an image file, see `predict`; `name` is for messages."""
        return await self._run(predict, self.predictor, content, name)

    async def convert(self, content: bytes, name: str) -> bytes:
        """Turn the content of an image file into a JPEG file, see `convert`; `name` is for messages."""
        return await self._run(convert, content, name)

    async def _run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def close(self) -> None:
        """Let the image that is under way end, and drop those that wait."""
        self._thread.shutdown(cancel_futures=True)


def predict(predictor: Predictor, content: bytes, name: str) -> dict[str, Any]:
    """Predict for the content of an image file.

    Returns:
        Plain values: `width` and `height` of the upright image in pixels, `seconds` of inference, and what was found,
        see `to_message` of the task's predictions.

    Raises:
        InputError: if the content is no image, or too large.
    """
    image = decode_image(content, name=name, most_pixels=MOST_PIXELS)
    start = time.perf_counter()
    (prediction,) = predictor(image, report=refuse)
    seconds = time.perf_counter() - start
    shared = {"width": image.shape[1], "height": image.shape[0], "seconds": seconds}
    return {**shared, **prediction.to_message()}


def refuse(error: InputError) -> None:
    """Raise what the predictor would only log."""
    raise error


def convert(content: bytes, name: str) -> bytes:
    """Turn the content of an image file into an upright JPEG file, for what a browser cannot show.

    Raises:
        InputError: if the content is no image, or too large.
    """
    image, file = decode_image(content, name=name, most_pixels=MOST_PIXELS), BytesIO()
    height, width = image.shape[:2]
    if max(height, width) > JPEG_SIDE:
        raise InputError(
            f"{name}: size is {describe_size((height, width))}; expected at most {JPEG_SIDE} pixels a side"
        )
    Image.fromarray(image).save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return file.getvalue()
