"""Images -> named feature maps; imports torch only."""
