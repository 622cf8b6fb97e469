"""What a size is, everywhere in this program, and the names of the ways to bring an image to one."""

from data.errors import InputError

Size = tuple[int, int]  # (height, width)
RESIZE_RULES = ("antialias", "area", "bilinear")  # what each does: `data.resizing.RESIZES`
MOST_PIXELS = 89_000_000  # of an image, as Pillow has it: of more, a few bytes of a file may fill the memory
SMALLEST = 32  # pixels of a side of a network's input: the stride of C5


def to_size(value: Size | int, name: str) -> Size:
    """Turn N or (height, width) into (height, width).

    Args:
        value: in pixels.
        name: of the option, for messages.

    Raises:
        InputError: if it is neither, or a side is below 32.
    """
    size = (value, value) if isinstance(value, int) else value
    if len(size) != 2 or not all(isinstance(side, int) and side >= SMALLEST for side in size):
        given = value if isinstance(value, int) else list(value)
        raise InputError(f"{name}: {given}; expected N or [height, width], integers from {SMALLEST}")
    return size
