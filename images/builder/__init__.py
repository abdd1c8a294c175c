"""From a definition to an image that is named by its content; README.md of images/ tells the way."""
