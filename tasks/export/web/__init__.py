"""format=web: a folder with a page that runs an exported model in the browser."""
