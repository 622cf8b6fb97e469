"""Files -> (image, target): readers, transforms and loaders; knows nothing of models."""
