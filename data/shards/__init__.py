"""Many images in each of a few large files, in a folder or in object storage, read in any order."""
