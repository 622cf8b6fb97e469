"""The segmenter: a class for each pixel."""
