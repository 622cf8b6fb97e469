"""Images as they come in: files, folders, patterns, videos, cameras, arrays, and large ones as tiles."""
