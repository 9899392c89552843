"""Tunewright: from a task to a small language model that does it."""

import os

__version__ = "0.1.0"

for _cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    # Shapes of products that oneDNN and torch keep code for, about a megabyte each; theirs is 1,024.
    os.environ.setdefault(_cache, "128")
