from typing import Any

import numpy as np

from tests.support.browser import canvas, choose, see, slide
from tests.support.pictured_models import CLASSES, draw_image, encode
from tests.tasks.demo.pages import classifier


@classifier
def test_a_chosen_image_shows_its_best_class(page: Any, site: Any) -> None:
    (prediction,) = site[0](draw_image())
    best = int(prediction.scores.argmax())
    choose(page, encode(draw_image()))
    see(page, "#summary", f"{CLASSES.names[best]} {prediction.scores[best]:.2f}")
    listed = [f"{round(100 * score)} %" if score >= 0.01 else "" for score in prediction.scores]
    assert page.locator("#classes .count").all_inner_texts() == listed
    tagged = canvas(page)
    slide(page, "#dial", 1)
    see(page, "#summary", "No class at this threshold")
    assert 0.001 < (np.abs(tagged - canvas(page)).sum(axis=2) > 60).mean() < 0.3
