"""Composing the configuration of a command from conf/, whether or not one is running."""

from contextlib import AbstractContextManager, nullcontext

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

import conf


def composing() -> AbstractContextManager[object]:
    """Return the context in which Hydra's `compose` finds conf/."""
    if GlobalHydra.instance().is_initialized():  # by the command that is running
        return nullcontext()
    return initialize_config_dir(str(conf.FOLDER), version_base="1.3")
