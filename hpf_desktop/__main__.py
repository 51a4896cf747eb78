"""``python -m hpf_desktop``: the operators' desktop."""

import sys

from hpf_desktop.app import main

sys.exit(main())
