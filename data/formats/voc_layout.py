"""Which files a split of a Pascal VOC data set has: VOC's own folders and lists, or XML files beside the images."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath

from data.findings import Finding, Report
from data.folders import find_images_below, list_files, no_images
from data.formats.listing import find_listed, list_tails, read_listing
from data.formats.pairs import find_partners, name_stem
from data.formats.voc_xml import XmlLabels
from data.splits import Part

LISTS = "ImageSets/Main/{split}.txt"
FOLDERS = (  # of a split: its images, its XML files
    ("{split}/images", "{split}/annotations"),
    ("images/{split}", "annotations/{split}"),
    ("{split}", "{split}"),  # Roboflow, labelImg
)
WHOLE = (  # of a data set that is one split
    ("JPEGImages", "Annotations"),
    ("images", "Annotations"),  # Label Studio
    ("images", "annotations"),
    (".", "."),
)


@dataclass(frozen=True)
class VocLayout:
    """The files of one split.

    Attributes:
        images: folder of the images.
        annotations: folder of the XML files.
        files: names of all images relative to `images`, sorted.
        candidates: XML file -> which of them have its name.
        listed: whether a list names the XML files: each is to be there then, and images without one are not of the
            split; else they have no objects.
    """

    images: Path
    annotations: Path
    files: list[str]
    candidates: dict[Path, list[str]]
    listed: bool


def find_layout(root: Path, part: Part, *, report: Report) -> VocLayout:
    """Find the files of a split.

    A data set that has no splits is taken whole where a share of it is evaluated on.

    Raises:
        InputError: if there is no such split, or it holds no images.
    """
    for split in part.names:
        listings = find_lists(root, split)
        if listings:
            return read_lists(root / "JPEGImages", root / "Annotations", listings, report=report)
        for images, annotations in FOLDERS:
            pair = root / images.format(split=split), root / annotations.format(split=split)
            if all(place.is_dir() for place in pair):
                return list_folders(*pair)
    places = [(root / images, root / annotations) for images, annotations in WHOLE]
    whole = next((pair for pair in places if all(place.is_dir() for place in pair) and find_xml(pair[1])), None)
    if whole is not None and part.share is not None:
        return list_folders(*whole)
    folders = ", ".join(images.format(split=part.split) for images, _ in reversed(FOLDERS))
    there = sorted(path.stem for path in root.glob(LISTS.format(split="*")))
    lists = LISTS.format(split=part.split) + f" (lists there: {', '.join(there[:8])})" * bool(there)
    one_split = whole is not None and not there
    raise part.missing(root, f"{lists} or one of the folders {folders} with XML files", one_split=one_split)


def find_lists(root: Path, split: str) -> list[Path]:
    """Return the list of a split, or those of each class, which together name the same images: VoTT writes no other."""
    whole = root / LISTS.format(split=split)
    if whole.is_file():
        return [whole]
    return sorted(path for path in root.glob(LISTS.format(split="*")) if path.stem.endswith(f"_{split}"))


def find_xml(folder: Path) -> list[Path]:
    """Return the XML files of a folder and of those below it; hidden ones (macOS "._x.xml") are left out."""
    return [path for path in list_files(folder) if path.suffix.lower() == ".xml"]


def list_folders(images: Path, annotations: Path) -> VocLayout:
    """Return the layout of two folders: the images that are there, and those that XML files speak of.

    Raises:
        InputError: if there are neither.
    """
    labels, paths = find_xml(annotations), find_images_below(images)
    if not labels and not paths:
        raise no_images(images)
    found = find_partners([name_stem(path, annotations) for path in labels], images, paths)
    return make_layout(images, annotations, paths, dict(zip(labels, found, strict=True)), listed=False)


def read_lists(images: Path, annotations: Path, listings: Sequence[Path], *, report: Report) -> VocLayout:
    """Return the layout of what lists name; a name may have an extension, which says which image is meant.

    Raises:
        InputError: if it names nothing, or one file in several ways.
    """
    labels, paths = find_xml(annotations), find_images_below(images) if images.is_dir() else []
    stems = {name_stem(path, annotations) for path in labels} | {name_stem(path, images) for path in paths}
    files = {path.relative_to(images).as_posix(): name_stem(path, images) for path in paths}
    known = {**index_names(stems), **{name: files[whole] for name, whole in index_names(files).items()}}
    listed: dict[str, str] = {}
    for listing in listings:
        listed |= find_listed(read_listing(listing), known, where=listing, report=report)
    if not listed:
        raise no_images(images)
    of_labels, of_images = find_partners(list(listed), annotations, labels), find_partners(list(listed), images, paths)
    candidates = {}
    for (stem, text), xml, found in zip(listed.items(), of_labels, of_images, strict=True):
        named = [path for path in found if path.name == PurePath(text).name]
        candidates[xml[0] if xml else annotations / f"{stem}.xml"] = named or found
    return make_layout(images, annotations, paths, candidates, listed=True)


def make_layout(
    images: Path, annotations: Path, paths: list[Path], candidates: dict[Path, list[Path]], *, listed: bool
) -> VocLayout:
    """Return a layout with the names of images in place of their paths."""
    names = {path: path.relative_to(images).as_posix() for path in paths}
    named = {xml: [names[path] for path in found] for xml, found in candidates.items()}
    return VocLayout(images, annotations, list(names.values()), named, listed)


def index_names(names: "set[str] | dict[str, str]") -> dict[str, str]:
    """Return names by themselves, and by their last parts where no other name has the same."""
    counts = Counter(PurePath(name).name for name in names)
    alone = {PurePath(name).name: name for name in names if counts[PurePath(name).name] == 1}
    return alone | {name: name for name in names}


def choose_images(layout: VocLayout, read: dict[Path, XmlLabels], *, report: Report) -> dict[str, XmlLabels]:
    """Find the image of each XML file: the one of its name; of several or none the one that its <filename> names.

    Reports files that leave a choice, images that two files are of, and files that name another image than theirs.

    Returns:
        name of the image -> labels, without those that were reported as errors.
    """
    known = index_names(set(layout.files))
    chosen: dict[str, XmlLabels] = {}
    elsewhere = []
    for path, labels in read.items():
        own = layout.candidates[path]
        said = find_named(labels, known)
        name = own[0] if len(own) == 1 else said or f"{name_stem(path, layout.annotations)}.jpg"
        if len(own) > 1 and said not in own:
            found = f"{' and '.join(own[:2])} have its name, and its <filename> is {labels.filename!r}"
            report(
                Finding("error", "label file of several images", str(path), found, "expected the name of one of them")
            )
        elif name in chosen:
            found = f"belongs to {name}, and so does {chosen[name].path.name}"
            report(Finding("error", "image of several label files", str(path), found, "expected one file per image"))
        else:
            chosen[name] = labels
            if said not in (None, name) and len(own) == 1:
                elsewhere.append(f"{path} of {name}: {said}")
    if elsewhere:
        found = f"<filename> of {len(elsewhere)} files names another image, which is there (first: {elsewhere[0]})"
        cure = "the labels were assigned to the image with the file's own name"
        report(
            Finding(
                "note", "label file that names another image", str(layout.annotations), found, cure, tuple(elsewhere)
            )
        )
    return chosen


def find_named(labels: XmlLabels, known: dict[str, str]) -> str | None:
    """Return the image that <filename> names, None where none is there; its folders may be those of another machine."""
    path = PureWindowsPath(labels.filename).as_posix()
    return next((known[tail] for tail in list_tails(path) if tail in known), None)
