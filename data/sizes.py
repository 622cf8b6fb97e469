"""What a size is, everywhere in this program, and the names of the ways to bring an image to one."""

Size = tuple[int, int]  # (height, width)
RESIZE_RULES = ("antialias", "area", "bilinear")  # what each does: `data.resizing.RESIZES`
