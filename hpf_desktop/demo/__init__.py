"""The demo: everything real behind the window, and the main job played through it."""
