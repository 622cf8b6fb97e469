"""Files that may be a stranger's: each format is read in one place, which bounds what reading it takes."""
