"""A computer to be used: a virtual display, windows, mouse and keyboard, and a picture of the screen."""
