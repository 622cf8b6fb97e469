"""How Lightning writes and reads the checkpoints of a run: sealed, whole or not at all, and no failure is passed over.

Lightning's own way stages a file in TMPDIR and moves it, which across disks writes over the earlier checkpoint, waits
for no disk, and goes on where the file may not be written.
"""

from pathlib import Path
from typing import Any

from lightning.fabric.plugins import CheckpointIO

from tasks.files import write_checked
from tasks.models.pretrained.state_files import load_pickled
from tasks.models.seals import check_seal, pack_checkpoint
from tasks.runs.manifest import record_file


class SealedCheckpoints(CheckpointIO):
    """Writes checkpoints that hold their own SHA-256; an earlier one stays until the new one has been read back.

    Args:
        out: folder of the run, whose manifest lists them.
    """

    def __init__(self, out: Path) -> None:
        self.out = out

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Write a checkpoint.

        Raises:
            WriteError: if it could not be written; the earlier one is as it was.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = write_checked(path, pack_checkpoint(checkpoint))
        record_file(self.out, self.out / path.parent.name / path.name, sha256=digest)  # Lightning's path is resolved

    def load_checkpoint(
        self, path: str | Path, map_location: object = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint: plain values and tensors, whatever Lightning asks for.

        Raises:
            InputError: if it is damaged.
        """
        check_seal(Path(path))
        content: dict[str, Any] = load_pickled(Path(path))
        return content

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint."""
        Path(path).unlink(missing_ok=True)
