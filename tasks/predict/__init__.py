"""python -m tasks.predict: a checkpoint on images, videos and cameras."""
