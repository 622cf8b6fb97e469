"""Zooming out: an image on a larger grey background, so that training sees smaller objects (SSD's expansion)."""

from typing import Any

import albumentations as A

GREY = 127.0


class ZoomOut(A.Pad):
    """Put the image somewhere on a grey background of up to twice its sides (SSD, arXiv:1512.02325, section 3.6).

    SSD goes up to four times the sides, which leaves few pixels of an object in an input of 320.
    """

    MOST = 2.0

    def __init__(self, p: float) -> None:
        super().__init__(fill=GREY, p=p)

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the size of the background, and where the image lies on it."""
        height, width = params["shape"][:2]
        factor = self.py_random.uniform(1.0, self.MOST)
        down, across = round(height * factor) - height, round(width * factor) - width
        top, left = self.py_random.randint(0, down), self.py_random.randint(0, across)
        return {"pad_top": top, "pad_bottom": down - top, "pad_left": left, "pad_right": across - left}
