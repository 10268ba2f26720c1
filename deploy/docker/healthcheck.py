#!/usr/bin/env python3
"""Asks the page at this URL whether all is well; exits 1 if it does not answer 200."""

import sys
from urllib.error import URLError
from urllib.request import urlopen

try:
    urlopen(sys.argv[1], timeout=4).close()  # noqa: S310  this image's own, of this container
except (URLError, TimeoutError) as error:
    sys.exit(str(error))
