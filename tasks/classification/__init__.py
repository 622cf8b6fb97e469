"""The classifier: a class, or several, for each image."""
