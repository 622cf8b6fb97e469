"""What the outputs of an ExecuTorch program are called: the format itself has no names for them."""

NAMES = "output_names"  # a method of the program that gives the names of its outputs, with commas between them
