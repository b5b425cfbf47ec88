"""The one name that reaches the generated text."""

from __future__ import annotations

import os
import re
from typing import Any

from .. import _check

__all__ = ["checked_name", "name_of_file"]

# Of C99, C11, C23 and C++20, spelled as a name could be.
_WORDS = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char class co_await co_return
co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
double dynamic_cast else enum explicit export extern false float for friend goto if inline int long main
mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register
reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast std struct
switch template this thread_local throw true try typedef typeid typename typeof typeof_unqual union
unsigned using virtual void volatile wchar_t while xor xor_eq
"""
# Of the C library's headers that the text includes, and of gcc's own macros: a namespace cannot have such a name.
_LIBRARY = """
abs acos acosh asin asinh atan atan2 atanh basename bcmp bcopy beta bzero calloc cbrt ceil clearerr copysign cos cosh
ctermid div drem eof erf erfc exit exp exp10 exp2 expm1 fabs fdim ferror feof fflush ffs fgetc fgets finite float float_t
floor fma fmax fmin fmod fopen fputc fputs fread free frexp fscanf fseek ftell fwrite gamma getc getchar gets getw hypot
ilogb index infinity isfinite isinf isnan isnormal j0 j1 jn ldexp lgamma linux llrint llround log log10 log1p log2 logb
lrint lround malloc memchr memcmp memcpy memmem memmove memset modf nan nearbyint nextafter null perror popen pow printf
putc putchar puts putw rand random read realloc remainder remove remquo rename rewind rindex rint round scalb scalbn
scanf select setbuf signbit significand sin sincos sinh sprintf sqrt stderr stdin stdout strcat strchr strcmp strcoll
strcpy strdup strerror strlen strtok system tan tanh tempnam tgamma time tmpfile tmpnam trunc ungetc unix write y0 y1 yn
"""
_KEYWORDS = frozenset(_WORDS.split()) | {word + suffix for word in _LIBRARY.split() for suffix in ("", "f", "l")}
_MACROS = re.compile(r".*_t|u?int\w*_(max|min|c)", re.IGNORECASE)  # and types
_LONGEST = 31  # C99 promises so many significant characters of an external name


def checked_name(name: Any) -> str:
    """A name that can begin identifiers of C and C++; ValueError for any other.

    >>> from sprat.export.names import checked_name
    >>> checked_name("pump_2")
    'pump_2'
    >>> checked_name("2; int x")
    Traceback (most recent call last):
    ValueError: name: wanted a C identifier (a letter, then letters, digits, single _; at most 31), got '2; int x'
    """
    if not isinstance(name, str):
        raise TypeError(f"name: wanted a str, got {type(name).__name__}")
    if not re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*", name, re.ASCII) or len(name) > _LONGEST:
        wanted = f"a C identifier (a letter, then letters, digits, single _; at most {_LONGEST})"
        raise ValueError(f"name: wanted {wanted}, got {_check.short(name)}")
    if _is_taken(name):
        raise ValueError(f"name: {name!r} is a word of C or C++, or of their library; wanted another")
    return name


def name_of_file(path: str | os.PathLike[str]) -> str:
    """What a file's name says, with what no identifier can hold left out.

    >>> from sprat.export.names import name_of_file
    >>> name_of_file("src/pump-2 (new).c"), name_of_file("7.c"), name_of_file("int.c")
    ('pump_2_new', 'model_7', 'model_int')
    """
    stem = os.path.splitext(os.path.basename(os.fsdecode(os.fspath(path))))[0]
    name = "_".join(re.findall(r"[A-Za-z0-9]+", stem))[:24].rstrip("_")
    if not name:
        return "model"
    return f"model_{name}" if name[0].isdigit() or _is_taken(name) else name


def _is_taken(name: str) -> bool:
    return name.lower() in _KEYWORDS or _MACROS.fullmatch(name) is not None
