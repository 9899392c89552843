"""PDF: the text of its pages through pypdf. One document a file, with a text and no target.

Pages are parted by form feeds, so that cleaning of pages (`data.clean_pages`) can tell running heads. What the file
prints as pictures has no text: that is for OCR.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

from tunewright.core.errors import DataError, MissingExtra
from tunewright.data.read._shared import Rejected, Row, checked

suffixes = (".pdf",)

PAGES = 2000
"""Pages of the longest file that is read."""


def read(path: Path) -> Iterator[Row | Rejected]:
    """The file as one row {id, text}.

    Raises MissingExtra without pypdf, DataError where the file is no PDF, damaged, encrypted, or holds no text.
    """
    try:
        import pypdf
    except ImportError:
        raise MissingExtra("pypdf (needed to read PDF)", "pdf") from None
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it tells of every small fault that it mends
    try:
        reader = pypdf.PdfReader(io.BytesIO(path.read_bytes()))
        # Many files are encrypted with an empty password, which every viewer tries.
        if reader.is_encrypted and not reader.decrypt(""):
            hint = "save it without its password: qpdf --decrypt"
            raise DataError("is encrypted: its text cannot be read", where=str(path), hint=hint)
        if len(reader.pages) > PAGES:
            raise DataError(f"has {len(reader.pages):,} pages; at most {PAGES:,} are read", where=str(path))
        pages = [page.extract_text() or "" for page in reader.pages]
    except DataError:
        raise
    except Exception as error:  # pypdf raises whatever a broken file leads it into
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"cannot be read as PDF: {reason}", where=str(path)) from None
    if not any(page.strip() for page in pages):
        hint = "if it is scanned, give it a layer of text first: ocrmypdf"
        raise DataError("holds no text, only pictures", where=str(path), hint=hint)
    text = "\f".join(pages).replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    yield checked({"id": str(path), "text": text}, 1, text[:400])
