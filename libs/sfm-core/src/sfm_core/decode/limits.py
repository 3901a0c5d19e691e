"""How much one request may ask for or bring."""

from typing import Final

MAX_TEXT_BYTES: Final = 256 * 1024
"""Of UTF-8."""
MAX_TAGS: Final = 32
MAX_TAG_CHARS: Final = 128
MAX_NAME_CHARS: Final = 256
"""Of `session` and `source`."""
MAX_QUERY_CHARS: Final = 8192
MAX_TERM_CHARS: Final = 256
"""Of a keyword search."""
MAX_TOP_K: Final = 200
MAX_EXPLAINED: Final = 16
MAX_CONTEXT_TEXTS: Final = 8
MAX_BUDGET_TOKENS: Final = 10_000_000
MAX_WEIGHT: Final = 1e6
MAX_BATCH_ITEMS: Final = 1000
MAX_BATCH_QUERIES: Final = 64
MAX_PAGE: Final = 1000
MAX_HISTORY: Final = 100
"""Versions of one page; each may be as large as a memory."""
MAX_DELETED: Final = 1000
"""Coordinates of one delete-many; a filter may admit any number."""
MAX_CURSOR_CHARS: Final = 1024
MAX_LINK_TYPE_CHARS: Final = 128
MAX_NEIGHBORS: Final = 1000
MAX_GRAPH_HOPS: Final = 3
MAX_SHOWN_LINKS: Final = 32
"""Of one memory, where it is shown with its links: the strongest."""
