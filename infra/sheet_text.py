"""A sheet's bytes as lines, a piece at a time: UTF-8, or what spreadsheets call Unicode text, with any ends of lines."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from domain.sheets import LONGEST_ROW, SheetError

MOST_BYTES, PIECE = 100_000_000, 65_536
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# How .xlsx and .ods begin, which are ZIP archives, and .xls.
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def pieces(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """What there is to read, until its end."""
    return iter(partial(read, PIECE), b"")


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines, without their ends; what is no UTF-8 becomes U+FFFD. Raises SheetError where it is too much, or no text."""
    decoder: io.IncrementalNewlineDecoder | None = None
    rest, size, line = "", 0, 1
    for chunk in chunks:
        size += len(chunk)
        if size > MOST_BYTES:
            raise SheetError(f"The sheet is larger than {MOST_BYTES:,} bytes. Send it in several parts.")
        decoder = decoder or _decoder(chunk)
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from whole
        line += len(whole)
        if len(rest) > LONGEST_ROW:
            raise SheetError(
                f"Line {line} is longer than {LONGEST_ROW:,} characters. Shorten it, or save the sheet as CSV UTF-8, then send"
                " it again."
            )
    yield rest + (decoder.decode(b"", final=True) if decoder else "")


def _decoder(chunk: bytes) -> io.IncrementalNewlineDecoder:
    if chunk.startswith(WORKBOOKS):
        raise SheetError(
            "This is a workbook, not text. In the spreadsheet, save the sheet as CSV UTF-8, and send that."
        )
    encoding = "utf-16" if chunk.startswith(UTF16) else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in chunk:
        raise SheetError("This is no text. Send a sheet that was saved as CSV UTF-8.")
    return io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(errors="replace"), translate=True)
