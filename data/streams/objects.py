"""Images by the million, in a folder, in object storage or in a list: named first, each fetched when it is read."""

from collections import Counter
from os import fsdecode
from pathlib import Path

from data.bounded.content import Content
from data.bounded.text import strip_mark
from data.errors import AccessError, InputError
from data.images import EXTENSIONS
from data.storage import check_address, is_remote, list_objects, read_object
from data.streams.files import find_files, is_video

LIST_SUFFIX = ".txt"  # of a file with a path or an address on each line
MOST_LIST_BYTES = 2**31
MOST_IMAGE_BYTES = 2**30
SHARED = "expected one that all nodes see"


def list_images(source: str, *, patience: float) -> list[str]:
    """Return the paths or addresses of the images that a source names, each once, in the order of the source.

    Args:
        source: a folder, file or pattern; an address, and all below it; or a list, FILE.txt, of paths and addresses.
            Paths of a list are relative to its folder.
        patience: seconds to wait for storage that does not answer.

    Raises:
        InputError: if there are none, or one is named twice.
        RunError: if the storage does not answer.
    """
    if source.endswith(LIST_SUFFIX):
        content = read_object(source, most=MOST_LIST_BYTES, patience=patience)
        lines = fsdecode(strip_mark(content)).split("\n")
        found = [resolve(line.strip(), source) for line in lines if line.strip()]
    elif is_remote(source):
        found = [place for place in list_objects(source, patience=patience) if place.lower().endswith(EXTENSIONS)]
    else:
        found = [str(path.absolute()) for path in find_files(source) if not is_video(path)]
    if not found:
        raise InputError(f"source: no images at {source}; expected some, or a list of them, FILE{LIST_SUFFIX}")
    place, count = Counter(found).most_common(1)[0]
    if count > 1:
        raise InputError(f"source: {source}: names {place} {count} times; expected each image once")
    return found


def resolve(line: str, source: str) -> str:
    """Return the path or the address that a line of a list names.

    Raises:
        InputError: if it is an address of no storage that is known.
    """
    if is_remote(line):
        check_address(line, f"source: {source}")
        return line
    if is_remote(source):
        return f"{source.rpartition('/')[0]}/{line}"
    return str(Path(source).absolute().parent / line)


def fetch(place: str, *, patience: float) -> Path | Content | InputError:
    """Return an image file, or its content; or why there is none.

    Raises:
        AccessError: if this machine has no access to the storage, or not the folder: nothing is known of the image.
        RunError: if the storage does not answer.
    """
    if not is_remote(place):
        folder = Path(place).parent
        if not folder.is_dir():
            raise AccessError(f"{place}: this machine has no folder {folder}; {SHARED}")
        return Path(place)
    try:
        return Content(read_object(place, most=MOST_IMAGE_BYTES, patience=patience), place)
    except AccessError:
        raise
    except InputError as error:
        return error
