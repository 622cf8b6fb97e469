"""Many images as parts of so many each: a part has one file of results, and once that is there a receipt, or nothing.

What is to be done is written down first, so that the same command, given again, goes on with the parts that have no
receipt; and at the end which file holds what.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from data.bounded.json_values import parse_json, parse_typed
from data.errors import InputError, first_line
from data.storage import is_remote
from tasks.cli.folders import check_new
from tasks.predict.outbox import Outbox

PLAN, MANIFEST, RECEIPTS, RESULTS = "plan.json", "manifest.json", "receipts", "results"


@dataclass(frozen=True)
class Receipt:
    """What became of a part.

    Attributes:
        file: of its results.
        images: that it holds results of.
        failed: the others, and why.
        bytes: of the file.
        sha256: of the file.
    """

    file: str
    images: int
    failed: dict[str, str]
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        images: their paths or addresses.
        each: how many make a part.
        form: that results are written in, and the suffix of their files.
        settings: all else that decides the results, as plain values.
    """

    images: Sequence[str]
    each: int
    form: str
    settings: dict[str, Any]

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return -(-len(self.images) // self.each)

    def take(self, part: int) -> list[str]:
        """Return the images of a part."""
        return list(self.images[part * self.each : (part + 1) * self.each])

    def name(self, part: int) -> str:
        """Return the name of a part's files, without their suffix."""
        return f"part-{part:06d}"

    def to_dict(self) -> dict[str, Any]:
        """Return what is written down."""
        images = hashlib.sha256("\n".join(self.images).encode("utf-8", "surrogateescape")).hexdigest()
        count = {"images": len(self.images), "sha256": images, "each": self.each, "results": self.form}
        return {**count, **self.settings}


def begin(plan: Plan, out: Outbox) -> list[int]:
    """Write a plan down, or go on with it, and return the parts that are left to do.

    Raises:
        InputError: if something else is there.
    """
    wanted = json.loads(json.dumps(plan.to_dict()))
    content = out.read(PLAN)
    if content is None:
        check_free(out)
        out.write(PLAN, dump(wanted))
        return list(range(plan.parts))
    try:
        there = parse_json(content)
    except ValueError:
        there = None
    if not isinstance(there, dict) or there != wanted:
        known = there if isinstance(there, dict) else {}
        differing = ", ".join(key for key in {**known, **wanted} if known.get(key) != wanted.get(key))
        raise InputError(f"out: {out.place} holds other results, as these differ: {differing}; expected a new place")
    done = out.list_names(RECEIPTS)
    return [part for part in range(plan.parts) if f"{plan.name(part)}.json" not in done]


def check_free(out: Outbox) -> None:
    """Check that nothing is where results are to go.

    Raises:
        InputError: naming the place.
    """
    if not is_remote(out.place):
        check_new(Path(out.place))
    elif out.list_names(RESULTS) or out.list_names(RECEIPTS) or out.read(MANIFEST) is not None:
        raise InputError(
            f"out: {out.place} holds results, but no {PLAN}; expected a new place, so that nothing is lost"
        )


def finish(plan: Plan, out: Outbox) -> list[Receipt]:
    """Write the manifest, and return the receipts of all parts.

    Raises:
        InputError: if one is missing or damaged.
    """
    receipts = [read_receipt(out, f"{RECEIPTS}/{plan.name(part)}.json") for part in range(plan.parts)]
    images, failed = sum(each.images for each in receipts), sum(len(each.failed) for each in receipts)
    out.write(MANIFEST, dump({"images": images, "failed": failed, "parts": [vars(each) for each in receipts]}))
    return receipts


def write_part(plan: Plan, part: int, out: Outbox, content: bytes, *, images: int, failed: dict[str, str]) -> Receipt:
    """Write the results of a part, and then its receipt, with which it is done."""
    name = f"{RESULTS}/{plan.name(part)}.{plan.form}"
    out.write(name, content)
    receipt = Receipt(name, images, failed, len(content), hashlib.sha256(content).hexdigest())
    out.write(f"{RECEIPTS}/{plan.name(part)}.json", dump(vars(receipt)))
    return receipt


def read_receipt(out: Outbox, name: str) -> Receipt:
    """Read what became of a part.

    Raises:
        InputError: if it is missing or damaged.
    """
    content, cure = out.read(name), "the same command does its part anew"
    if content is None:
        raise InputError(f"{out.place}/{name}: missing; {cure}")
    try:
        return parse_typed(content, Receipt)
    except (ValueError, msgspec.MsgspecError) as error:
        raise InputError(f"{out.place}/{name}: {first_line(error)}; remove it: {cure}") from error


def dump(values: object) -> bytes:
    """Return plain values as JSON; names of files in it need not be UTF-8."""
    return (json.dumps(values, indent=1) + "\n").encode()
