"""`python -m sfm_standalone`: the same as `soma serve`."""

import os
import sys

import anyio

from sfm_standalone.serve import serve

if __name__ == "__main__":
    sys.exit(anyio.run(serve, os.environ))
