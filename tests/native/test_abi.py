"""The C ABI stays: what the last version's header promised, this library and this header keep."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import native_library
import sprat
from native_library import library
from tools import need

HERE = Path(__file__).parent
NOW = HERE.parents[1] / "cpp" / "include"
STORED = sorted((HERE / "abi").glob("sprat_*.h"))
COMPILERS = ["gcc", "clang"]
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wstrict-prototypes", "-Werror"]


def run(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def structs(header: str) -> dict[str, list[str]]:
    """Every parameter struct that a header defines, with its fields."""
    found = {}
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", code, re.S):
        declarators = [part.strip() for line in body.split(";") for part in line.split(",") if part.strip()]
        found[name] = [re.findall(r"(\w+)(?:\[\w+\])?$", part)[0] for part in declarators]
    return found


def constants(header: str) -> list[str]:
    """Every constant of an enumeration."""
    return re.findall(r"^  (SPRAT_\w+) = ", header, re.M)


def functions(header: str) -> set[str]:
    return set(re.findall(r"SPRAT_API[^;(]*?\b(sprat_\w+)\(", header))


@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_header_is_c99_and_cpp(compiler: str, tmp_path: Path) -> None:
    need(compiler, compiler.replace("gcc", "g++").replace("clang", "clang++"))
    (tmp_path / "alone.c").write_text(
        "#include <sprat/sprat.h>\nint unused(void);\nint unused(void) { return SPRAT_OK; }\n"
    )
    run(compiler, "-std=c99", *STRICT, "-fsyntax-only", f"-I{NOW}", tmp_path / "alone.c")
    (tmp_path / "alone.cpp").write_text("#include <sprat/sprat.h>\nstatic_assert(noexcept(sprat_abi_version()));\n")
    run(compiler.replace("gcc", "g++").replace("clang", "clang++"), "-std=c++17", *(f for f in STRICT if "proto" not in f),
        "-fsyntax-only", f"-I{NOW}", tmp_path / "alone.cpp")  # fmt: skip


def test_the_version_is_the_librarys_and_its_files() -> None:
    (version,) = re.findall(r"#define SPRAT_ABI_VERSION (\d+)", (NOW / "sprat" / "sprat.h").read_text())
    assert library.sprat_abi_version() == int(version)
    assert native_library.path().name == f"libsprat.so.{version}"
    assert f"sprat_{version}.h" in [path.name for path in STORED]
    pxd = (Path(sprat.__file__).parent / "cython_api.pxd").read_text()
    assert f"ABI_VERSION = {version}\n" in pxd


@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.stem)
def test_what_was_declared_is_still_there(stored: Path) -> None:
    then, now = stored.read_text(), (NOW / "sprat" / "sprat.h").read_text()
    assert functions(then) <= functions(now)
    for name in functions(then):
        assert hasattr(library, name), name


@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.stem)
def test_fields_and_constants_stay_where_they_are(stored: Path, tmp_path: Path) -> None:
    """Offset and size of every field, size of every struct (it may have grown), value of every constant."""
    need("gcc")
    header = stored.read_text()
    lines = []
    for struct, fields in structs(header).items():
        lines += [
            f'  printf("{struct}.{field} %zu %zu\\n", offsetof({struct}, {field}), sizeof((({struct}*)0)->{field}));'
            for field in fields
        ]
        lines += [f'  printf("sizeof({struct}) %zu\\n", sizeof({struct}));']
    lines += [f'  printf("{name} %d\\n", {name});' for name in constants(header)]
    assert len(lines) > 100
    told = []
    for folder, source in (("then", stored), ("now", NOW / "sprat" / "sprat.h")):
        place = tmp_path / folder
        (place / "sprat").mkdir(parents=True)
        (place / "sprat" / "sprat.h").write_text(source.read_text())
        (place / "tell.c").write_text(
            "#include <sprat/sprat.h>\n#include <stdio.h>\nint main(void) {\n" + "\n".join(lines) + "\n  return 0;\n}\n"
        )
        run("gcc", "-std=c99", *STRICT, f"-I{place}", place / "tell.c", "-o", place / "tell")
        told.append(run(place / "tell").splitlines())
    for then, now in zip(*told, strict=True):
        if then.startswith("sizeof"):
            assert int(then.split()[1]) <= int(now.split()[1]), (then, now)
        else:
            assert then == now


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("stored", STORED, ids=lambda path: path.stem)
def test_a_program_of_the_last_version_runs_with_this_library(stored: Path, compiler: str, tmp_path: Path) -> None:
    need(compiler)
    (tmp_path / "include" / "sprat").mkdir(parents=True)
    (tmp_path / "include" / "sprat" / "sprat.h").write_text(stored.read_text())
    model = tmp_path / "model.safetensors"
    sprat.save(sprat.quantization.quantize_model(sprat.nn.MLP([4, 8, 2], seed=0)), model)
    shared, program = native_library.path(), tmp_path / "program"
    run(compiler, "-std=c99", *STRICT, f"-I{tmp_path / 'include'}", HERE / "programs" / "last_version.c", shared,
        f"-Wl,-rpath,{shared.parent}", "-o", program)  # fmt: skip
    assert run(program, model) == "ok\n"


def test_structs_begin_with_their_size() -> None:
    for name, fields in structs((NOW / "sprat" / "sprat.h").read_text()).items():
        assert fields[0] == "size", name
