"""The page that shows what a model finds: shared by the demo's server and by what tasks.export writes for browsers."""
