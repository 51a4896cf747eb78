"""Which release this is: client and server say it to each other, and to whoever asks for help."""

VERSION = "0.1.0"  # as in pyproject.toml, which an installed program does not have
INTERFACE = "1"  # of the routes: a client and a server of the same one understand each other
