"""The options of tasks.demo, conf/demo.yaml."""

from dataclasses import dataclass
from pathlib import Path

from data.sizes import Size, to_size
from tasks.accelerators import Accelerator
from tasks.parsing import hidden

LAST_PORT = 65535


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """One demo; what each option means is said in the file.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    checkpoint: Path
    size: Size | int | None
    host: str
    port: int
    open: bool
    accelerator: Accelerator
    debug: bool = False
    typed: tuple[str, ...] = hidden(())

    def __post_init__(self) -> None:
        if self.size is not None:
            to_size(self.size, "size")
        if not self.host:
            raise ValueError("host: ''; expected 127.0.0.1 for this machine alone, or 0.0.0.0 for its whole network")
        if not 0 <= self.port <= LAST_PORT:
            raise ValueError(f"port: {self.port}; expected 1 to {LAST_PORT}, or 0 for any that is free")
