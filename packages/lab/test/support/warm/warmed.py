"""Says which process has imported it."""

import os

pid = os.getpid()
