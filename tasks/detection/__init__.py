"""The detector: boxes with classes and scores."""
