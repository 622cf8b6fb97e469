"""From a file to a model in use."""
