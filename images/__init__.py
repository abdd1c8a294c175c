"""What machines and sandboxes start from: a folder for each image, and the builder that makes them."""
