"""What the name of a timm model says of its weights, and where a file keeps that name.

Neither the epsilon of the norms nor the padding nor the preprocessing can be seen in the tensors, but all change the
outputs: by 7 % and 68 % for the first two. Without the name the weights are refused.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from data.bounded.json_values import read_json
from data.errors import InputError

ARCHITECTURE = (
    r"(?:(?:tf_)?mobilenetv3_(?:small|large)(?:_minimal)?_\d{3}d?|mobilenetv3_rw|mobilenetv[12]_\d{3}[dh]?"
    r"|mobilenetv4_(?:conv|hybrid)_[a-z_]*?(?:small|medium|large)(?:_\d{3})?|(?:se)?mnasnet_(?:\d{3}|small))"
)
NAME = re.compile(rf"(?<!tf[-. ]){ARCHITECTURE}(?![0-9A-Za-z])[\w.]*")
FOLDER = re.compile(rf"(?:models--timm--)?({ARCHITECTURE}(?:\.\w+)?)")
PARENTS = 4  # folders above a file that may be the name: Hugging Face's cache has models--timm--NAME/snapshots/HASH
Channels = tuple[float, float, float]
IMAGENET: tuple[Channels, Channels] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF: tuple[Channels, Channels] = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
PLAIN: tuple[Channels, Channels] = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

# A part of the name -> mean and std; ImageNet's where none fits (timm `default_cfgs`).
RANGES = {
    "ra4_": HALF,
    "miil": PLAIN,
    "mobilenetv4_conv_small.e3600": HALF,
    "mobilenetv4_conv_small_050": HALF,
}


class TimmSettings(NamedTuple):
    """What the tensors do not show."""

    name: str
    bn_eps: float
    padding: str
    mean: Channels
    std: Channels

    @property
    def architecture(self) -> str:
        """Timm's name of the network, without the tag of the weights."""
        found = re.match(ARCHITECTURE, self.name)
        return found[0] if found else self.name


def read_settings(name: str) -> TimmSettings:
    """Return what a name such as "mobilenetv3_large_100.ra_in1k" stands for; "tf_" weights are TensorFlow's."""
    if name.startswith("tf_"):
        return TimmSettings(name, 1e-3, "same", *HALF)
    mean, std = next((values for part, values in RANGES.items() if part in name), IMAGENET)
    return TimmSettings(name, 1e-5, "symmetric", mean, std)


def find_settings(path: Path) -> TimmSettings:
    """Return the settings of the weights in a file.

    The name is looked for in the file's own name, in the config.json beside it that timm writes, and among its folders,
    which must be called nothing else.

    Raises:
        InputError: if the name is nowhere.
    """
    config = read_config(path.with_name("config.json"))
    own = NAME.search(path.name)
    if config and not own:
        return read_config_settings(config, path.with_name("config.json"))
    folders = [parent.name for parent in list(path.absolute().parents)[:PARENTS]]
    named = [match[1] for folder in folders if (match := FOLDER.fullmatch(folder))]
    if own is None and not named:
        raise InputError(
            f"{path}: timm weights of an unknown model: its name is neither in the path nor in a config.json "
            "beside the file. The name decides the norms' epsilon, the padding and the preprocessing, which the "
            "tensors do not show; name the file as timm does, such as mobilenetv3_large_100.ra_in1k.safetensors"
        )
    return read_settings(own[0] if own else named[0])


def read_config_settings(config: dict[str, Any], path: Path) -> TimmSettings:
    """Return the settings that a config.json of timm holds.

    Raises:
        InputError: if its mean or std is not three numbers.
    """
    values = config.get("pretrained_cfg") or {}
    settings = read_settings(".".join(filter(None, (config["architecture"], values.get("tag")))))
    try:
        mean, std = (read_channels(values.get(key, getattr(settings, key))) for key in ("mean", "std"))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: pretrained_cfg.mean, std: {error}; expected three numbers each") from error
    return settings._replace(mean=mean, std=std)


def read_channels(values: Iterable[float]) -> Channels:
    """Return three numbers."""
    red, green, blue = values
    return float(red), float(green), float(blue)


def read_config(path: Path) -> dict[str, Any] | None:
    """Read the config.json that timm writes beside its weights; None where there is none of this form."""
    try:
        values = read_json(path, expected="expected what timm writes")
    except InputError:
        return None
    return values if isinstance(values, dict) and isinstance(values.get("architecture"), str) else None
