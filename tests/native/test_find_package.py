"""Others find the library: by CMake and by pkg-config, in an installed package and in a plain prefix; examples run."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import sprat
from native_library import run
from sprat import config
from tools import need

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
EXAMPLES = HERE.parents[1] / "examples"
STRICT = ["-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def build_with_cmake(source: Path, folder: Path, *definitions: str) -> Path:
    run(["cmake", "-S", source, "-B", folder, "-G", "Ninja", *definitions])
    run(["cmake", "--build", folder])
    return folder


@pytest.fixture(scope="module")
def c_examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """examples/c, built with the package that is installed."""
    need("cmake", "ninja", "gcc")
    return build_with_cmake(EXAMPLES / "c", tmp_path_factory.mktemp("c"), f"-Dsprat_DIR={config.cmake_dir()}")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """examples/cpp, which finds the package through the prefix that scikit-build-core would give it."""
    need("cmake", "ninja", "g++")
    prefix = config.include_dir().parent
    return (
        build_with_cmake(EXAMPLES / "cpp", tmp_path_factory.mktemp("cpp"), f"-DCMAKE_PREFIX_PATH={prefix}") / "service"
    )


# ---- python -m sprat.config ----------------------------------------------------------------------------------------


def test_the_command_says_what_the_functions_return() -> None:
    asked = ["--cmake-dir", "--pkg-config-dir", "--include-dir", "--library", "--version"]
    told = run([sys.executable, "-m", "sprat.config", *asked]).split()
    found = [config.cmake_dir(), config.pkg_config_dir(), config.include_dir(), config.library(), config.version()]
    assert told == [str(answer) for answer in found]
    assert (
        run([sys.executable, "-m", "sprat.config", "--cflags", "--libs"]).strip()
        == f"{config.cflags()} {config.libs()}"
    )


def test_nothing_asked_is_a_question(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        config.main([])
    assert caught.value.code == 2
    assert "wanted at least one of --cmake-dir" in capsys.readouterr().err


PROJECT = """
[build-system]
requires = ["scikit-build-core", "sprat"]
build-backend = "scikit_build_core.build"
[project]
name = "downstream"
version = "1"
"""
LISTS = """
cmake_minimum_required(VERSION 3.16)
project(downstream LANGUAGES C)
find_package(sprat REQUIRED)
add_executable(train {source})
target_link_libraries(train PRIVATE sprat::sprat m)
install(TARGETS train DESTINATION downstream)
"""


def test_builds_by_scikit_build_core_find_the_package(tmp_path: Path) -> None:
    """A package that requires sprat says find_package(sprat), and nothing of where it is."""
    need("cmake", "ninja", "gcc")
    (entry,) = importlib.metadata.entry_points(group="cmake.prefix", name="sprat")
    assert entry.load() is sprat
    if config.include_dir().parent != Path(sprat.__file__).parent:
        return  # an editable install, whose parts lie in two folders: what a wheel does it cannot show
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "CMakeLists.txt").write_text(LISTS.format(source=EXAMPLES / "c" / "train.c"))
    (tmp_path / "downstream").mkdir()
    (tmp_path / "downstream" / "__init__.py").touch()
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-build-isolation",
            "--no-deps",
            "-w",
            tmp_path / "out",
            tmp_path,
        ]
    )
    assert len(list((tmp_path / "out").glob("downstream-1-*.whl"))) == 1


# ---- an installed package ------------------------------------------------------------------------------------------


def test_predict(c_examples: Path, models: dict[str, Path]) -> None:
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    rows = "\n".join(" ".join(f"{value:.17g}" for value in row) for row in x.tolist())
    for name, path in models.items():
        lines = run([c_examples / "predict", path], stdin=rows).splitlines()
        predict = sprat.Predictor(path)
        words = [line.split() for line in lines]
        if predict.class_names is not None:
            assert [line.pop(0) for line in words] == list(predict.predict(x))
        expected = [[f"{value:.9g}" for value in row] for row in predict(x).tolist()]
        assert words == expected, name


def test_predict_says_what_is_wrong(c_examples: Path, models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(models["int8"].read_bytes()[:-1])
    with pytest.raises(AssertionError, match=r"load: .*bad: tensor .* ends at byte"):
        run([c_examples / "predict", tmp_path / "bad"])
    with pytest.raises(AssertionError, match="the last row has 1 numbers, wanted 6"):
        run([c_examples / "predict", models["int8"]], stdin="1")


def test_training_in_c_has_the_same_bits_anywhere(c_examples: Path) -> None:
    told = {run([c_examples / "train"], **more) for more in ({}, {"SPRAT_NUM_THREADS": "3"}, {"SPRAT_ISA": "baseline"})}
    (lines,) = told
    assert re.search(r"epoch 199: loss 0\.000\d+\nsin\(1\) is about 0\.8\d+\n$", lines), lines


@pytest.mark.parametrize("kind", ["float32", "int8", "sparse"])
def test_service(service: Path, models: dict[str, Path], kind: str) -> None:
    told = run([service, models[kind], 2000])
    assert re.match(r"8 threads, 16000 requests, \d+ a second\np50 [\d.]+ us, p99 [\d.]+ us, p99\.9 [\d.]+ us\n", told)
    assert told.endswith("\n0 wrong answers\n")


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("standard", ["c++17", "c++20"])
def test_wrapper(models: dict[str, Path], tmp_path: Path, compiler: str, standard: str) -> None:
    need(compiler, "pkg-config")
    flags = run(["pkg-config", "--cflags", "--libs", "sprat"], PKG_CONFIG_PATH=str(config.pkg_config_dir())).split()
    run(
        [
            compiler,
            f"-std={standard}",
            *STRICT,
            PROGRAMS / "wrapper.cpp",
            "-pthread",
            *flags,
            "-o",
            tmp_path / "wrapper",
        ]
    )
    assert run([tmp_path / "wrapper", models["float32"]]) == "ok\n"


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_predictor_allocates_nothing_in_the_steady_state(
    models: dict[str, Path], tmp_path: Path, compiler: str
) -> None:
    need(compiler)
    flags = [*run([sys.executable, "-m", "sprat.config", "--cflags", "--libs"]).split(), "-pthread"]
    run([compiler, "-std=gnu99", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-builtin", PROGRAMS / "steady.c", *flags,
         "-o", tmp_path / "steady"])  # fmt: skip
    told = run([tmp_path / "steady", *models.values()]).splitlines()
    assert len(told) == len(models)
    assert all(": 0 allocations, " in line for line in told), told


# ---- a plain prefix ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_plain_prefix_by_cmake_and_pkg_config(plain: Path, models: dict[str, Path], tmp_path: Path) -> None:
    need("cmake", "ninja", "gcc", "pkg-config", "nm")
    # It may be moved as a whole.
    prefix = tmp_path / "moved"
    shutil.copytree(plain, prefix, symlinks=True)
    (library,) = prefix.rglob("libsprat.so.1")
    assert os.readlink(library.with_name("libsprat.so")) == "libsprat.so.1"

    folder = build_with_cmake(EXAMPLES / "c", tmp_path / "c", f"-DCMAKE_PREFIX_PATH={prefix}")
    assert "sin(1) is about 0.8" in run([folder / "train"])
    assert str(library) in run(["ldd", folder / "train"])

    (pc,) = prefix.rglob("sprat.pc")
    assert str(tmp_path) not in pc.read_text()
    assert run(["pkg-config", "--modversion", "sprat"], PKG_CONFIG_PATH=str(pc.parent)).strip() == sprat.__version__
    flags = run(["pkg-config", "--cflags", "--libs", "sprat"], PKG_CONFIG_PATH=str(pc.parent)).split()
    run(["gcc", "-std=c99", *STRICT, PROGRAMS / "last_version.c", *flags, "-o", tmp_path / "program"])
    assert run([tmp_path / "program", models["int8"]], LD_LIBRARY_PATH=str(library.parent)) == "ok\n"

    exported = {line.split()[-1] for line in run(["nm", "-D", "--defined-only", library]).splitlines()}
    header = (prefix / "include" / "sprat" / "sprat.h").read_text()
    assert exported == set(re.findall(r"SPRAT_API[^;(]*?\b(sprat_\w+)\(", header))


def test_another_version_is_not_taken(tmp_path: Path) -> None:
    need("cmake", "ninja", "gcc")
    wanted = "cmake_minimum_required(VERSION 3.16)\nproject(p LANGUAGES C)\nfind_package(sprat {} REQUIRED)\n"
    for version, fits in ((sprat.__version__, True), ("0.0.9", False), ("0.99", False), ("7", False)):
        source = tmp_path / version
        source.mkdir()
        (source / "CMakeLists.txt").write_text(wanted.format(version))
        command = ["cmake", "-S", source, "-B", source / "out", "-G", "Ninja", f"-Dsprat_DIR={config.cmake_dir()}"]
        if fits:
            run(command)
        else:
            with pytest.raises(AssertionError, match=r"compatible\s+with requested"):
                run(command)
