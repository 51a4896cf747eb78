"""A certificate key in software: a real PIV card for demo and tests, with or without PC/SC."""
