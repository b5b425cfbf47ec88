"""Pieces of C text, each with the pieces it calls. In them ``@`` stands for the prefix of functions, ``@@`` for that of macros,
``$`` for the name alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Piece", "in_order", "named"]


@dataclass(frozen=True)
class Piece:
    """A function or two, and the names of the pieces they call.

    >>> from sprat.export.pieces import Piece
    >>> Piece("static int @one(void) { return 1; }").needs
    ()
    """

    text: str
    needs: tuple[str, ...] = ()


def in_order(pieces: Mapping[str, Piece], wanted: Iterable[str]) -> list[str]:
    """The texts of the wanted pieces and of all they need, each once and behind what it calls.

    >>> from sprat.export.pieces import Piece, in_order
    >>> in_order({"a": Piece("A", ("b",)), "b": Piece("B"), "c": Piece("C")}, ["a", "b"])
    ['B', 'A']
    """
    done: dict[str, str] = {}

    def add(name: str) -> None:
        if name not in done:
            for other in pieces[name].needs:
                add(other)
            done[name] = pieces[name].text.strip("\n")

    for name in wanted:
        add(name)
    return list(done.values())


def named(text: str, name: str) -> str:
    """The text with this name and its prefixes.

    >>> from sprat.export.pieces import named
    >>> named("#if @@FMA == 1  /* @fma */", "model")
    '#if MODEL_FMA == 1  /* model_fma */'
    """
    return text.replace("$", name).replace("@@", f"{name.upper()}_").replace("@", f"{name}_")
