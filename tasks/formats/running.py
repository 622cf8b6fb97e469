"""An exported file as a module: images in, its outputs as tensors, whatever number of images it takes at once."""

import numpy as np
import torch
from torch import Tensor, nn

from data.errors import InputError
from tasks.formats.session import Session, compute
from tasks.formats.settings import GraphSettings
from tasks.models.description import Description
from tasks.models.normalization import normalize
from tasks.models.preprocessing import Preprocessing


class ExportedModel(nn.Module):
    """What all exported models in use have.

    Args:
        description: of the model.
        settings: what is in the file.
        session: the file, opened.

    Attributes:
        description: the same.
        settings: the same.
        network: the file as a module.
    """

    def __init__(self, description: Description, settings: GraphSettings, session: Session) -> None:
        super().__init__()
        self.description, self.settings = description, settings
        self.network = ExportedNetwork(session, settings, description.preprocessing)

    @property
    def ends(self) -> tuple[nn.Module, nn.Module]:
        """Where the network begins and where it ends."""
        return self.network, self.network


class ExportedNetwork(nn.Module):
    """An exported file as a module without weights.

    Args:
        session: the file, opened.
        settings: what is in it.
        preprocessing: of the model.
    """

    def __init__(self, session: Session, settings: GraphSettings, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.session, self.settings, self.preprocessing = session, settings, preprocessing

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Run the file on images (N, 3, H, W), 0 to 255: its outputs by name, for all N.

        Raises:
            InputError: if they are of another size than the file's.
        """
        size = (images.shape[2], images.shape[3])
        if size != self.settings.size:
            (height, width), (own_height, own_width) = size, self.settings.size
            raise InputError(
                f"images of {height} x {width}: the exported file takes {own_height} x {own_width}; "
                f"export it with size=[{height},{width}]"
            )
        values = write_input(images.cpu(), self.settings, self.preprocessing)
        count = self.settings.batch or len(values)
        found = [self.run(values[start : start + count], count) for start in range(0, len(values), count)]
        return {name: torch.from_numpy(np.concatenate([part[name] for part in found])) for name in found[0]}

    def run(self, values: np.ndarray, count: int) -> dict[str, np.ndarray]:
        """Run the file once, on `count` inputs of which the last ones may be made up."""
        n = len(values)
        if n < count:
            values = np.concatenate([values, np.repeat(values[-1:], count - n, axis=0)])
        return {name: found[:n] for name, found in compute(self.session, values).items()}


def write_input(images: Tensor, settings: GraphSettings, preprocessing: Preprocessing) -> np.ndarray:
    """Turn images (N, 3, H, W), 0 to 255, into numbers that a file takes."""
    if settings.input == "float":
        return normalize(images, preprocessing).numpy()
    pixels = images if images.dtype == torch.uint8 else images.round().clamp(0, 255).byte()
    return np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy())  # (N, H, W, 3)
