import re
from typing import Any

import numpy as np
import pytest

from tests.support.browser import canvas, see


@pytest.mark.slow
def test_the_cameras_frames_come_one_at_a_time(page: Any) -> None:
    waiting, most = 0, 0

    def count(change: int) -> Any:
        def handle(request: Any) -> None:
            nonlocal waiting, most
            if "predict" in request.url:
                waiting += change
                most = max(most, waiting)

        return handle

    page.on("request", count(1))
    page.on("requestfinished", count(-1))
    page.click("#camera")
    see(page, "#facts", re.compile(r"\d+ . \d+ px · \d+ ms for inference · [1-9]\d*\.\d frames/s"))
    first = canvas(page)
    page.wait_for_timeout(300)
    assert not np.array_equal(first, canvas(page))  # the fake camera moves
    assert most == 1
    page.get_by_label("Mirrored").uncheck()
    page.click("text=Stop camera")
    page.wait_for_timeout(200)
    before = canvas(page)
    page.wait_for_timeout(300)
    assert np.array_equal(before, canvas(page))


def test_a_camera_that_the_browser_withholds_is_said(browser: Any, site: Any) -> None:
    page = browser.new_page()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); }"
    )
    page.goto(site[1])
    page.click("#camera")
    see(page, "#message", "No camera found.")
    page.close()
