"""What a size is, everywhere in this program."""

Size = tuple[int, int]  # (height, width)
