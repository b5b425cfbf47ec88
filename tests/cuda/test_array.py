"""Arrays on the device: copies, views, and the way to and from other libraries."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import sprat
from cuda_foreign import KINDS, Exchange, Interface, random
from sprat.cli import main
from support import assert_same_bits


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "int8", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 4), (2, 0, 3)])
def test_there_and_back(shape: tuple[int, ...], dtype: str) -> None:
    host = (random(*shape) * 100).astype(dtype) if shape else np.array(3, dtype)
    array = sprat.cuda.array(host)
    assert (array.shape, array.dtype, array.size, array.nbytes) == (host.shape, host.dtype, host.size, host.nbytes)
    assert array.strides == host.strides or not host.size
    assert_same_bits(array.numpy(), host)
    out = np.empty_like(host)
    assert array.numpy(out) is out
    assert_same_bits(out, host)


def test_what_is_copied_and_what_is_seen() -> None:
    host = random(4, 3)
    array = sprat.cuda.array(host)
    assert sprat.cuda.asarray(array) is array
    rows, copy = array[1:3], array.copy()
    rows[...] = 7.0
    assert (array.numpy()[1:3] == 7).all()
    assert_same_bits(copy.numpy(), host)
    assert rows.reshape(-1, 2).shape == (3, 2)
    array[...] = copy
    assert_same_bits(array.numpy(), host)
    array[host < 0] = 0  # by way of the host
    assert_same_bits(array.numpy(), np.where(host < 0, np.float32(0), host))
    assert array[5:].shape == (0, 3)
    assert len(array) == 4
    assert repr(array) == "Array(shape=(4, 3), dtype=float32, device='cuda:0')"


def test_lists_and_other_layouts_become_arrays() -> None:
    assert_same_bits(sprat.cuda.asarray([[1.0, 2.0]], "float32").numpy(), np.float32([[1, 2]]))
    assert_same_bits(sprat.cuda.array(random(4, 3).T).numpy(), np.ascontiguousarray(random(4, 3).T))
    assert_same_bits(sprat.cuda.array(random(3).astype(">f4"), "float32").numpy(), random(3))


@pytest.mark.parametrize("kind", KINDS)
def test_other_libraries_memory_is_seen_and_written(kind: str) -> None:
    theirs = KINDS[kind](random(6, 2))
    view = sprat.cuda.asarray(theirs)
    assert_same_bits(view.numpy(), random(6, 2))
    view[2:4] = 5.0
    assert (theirs.numpy()[2:4] == 5).all()
    assert sprat.cuda.array(theirs).pointer != view.pointer


@pytest.mark.parametrize("kind", ["interface", "dlpack", "old dlpack"])
def test_a_view_holds_the_memory_and_no_longer(kind: str) -> None:
    theirs = KINDS[kind](random(3))
    memory = weakref.ref(theirs.memory)
    view = sprat.cuda.asarray(theirs)
    del theirs
    gc.collect()
    assert memory() is not None
    assert_same_bits(view.numpy(), random(3))
    del view
    gc.collect()
    assert memory() is None


def test_a_capsule_that_nobody_takes_gives_back() -> None:
    array = sprat.cuda.array([1.0])
    gone = weakref.ref(array)
    for version in (None, (1, 0)):
        array.__dlpack__(max_version=version)
    del array
    gc.collect()
    assert gone() is None


def test_torch_takes_the_capsule() -> None:
    """torch without CUDA refuses the device, after having looked; NumPy asks for host memory and hears no."""
    array = sprat.cuda.array([1.0])
    with pytest.raises(BufferError, match="numpy"):
        np.from_dlpack(array, device="cpu")
    with pytest.raises(BufferError, match="numpy"):
        array.__dlpack__(dl_device=(1, 0))


# ---- streams


def test_the_consumers_stream_is_told_to_the_producer() -> None:
    theirs = Exchange(random(3))
    sprat.cuda.asarray(theirs)
    with sprat.cuda.stream(2):
        sprat.cuda.asarray(theirs)
    assert theirs.asked == [1, 2]


class Recorder:
    """The module, and who waited for whom."""

    def __init__(self, native: ModuleType) -> None:
        self._native, self.waits, self._marks = native, [], {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)

    def event_record(self, event: int, stream: int) -> None:
        self._marks[event] = stream

    def stream_wait(self, stream: int, event: int) -> None:
        self.waits.append((stream, self._marks[event]))


@pytest.fixture
def recorder(native: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder(native)
    monkeypatch.setitem(sys.modules, "sprat._cuda", recorder)
    return recorder


def test_the_producers_stream_is_waited_for(recorder: Recorder) -> None:
    theirs = Interface(random(3), stream=2)
    with sprat.cuda.stream(1):
        view = sprat.cuda.asarray(theirs)
    assert recorder.waits == [(1, 2)]
    recorder.waits.clear()
    sprat.cuda.asarray(theirs)  # without a block: on the producer's own stream, nothing to wait for
    assert recorder.waits == []
    with sprat.cuda.stream(2):
        view.numpy()
    assert recorder.waits == [(2, 1)]
    assert view.__cuda_array_interface__["stream"] == 2


def test_a_consumer_waits_for_us(recorder: Recorder) -> None:
    array = sprat.cuda.array([1.0])
    array.__dlpack__(stream=2)
    assert recorder.waits == [(2, 1)]
    recorder.waits.clear()
    array.__dlpack__(stream=-1)
    array.__dlpack__(stream=1)
    assert recorder.waits == []


def test_stream_objects() -> None:
    class CuPy:
        ptr = 7

    class Torch:
        cuda_stream = 0

    class Protocol:
        def __cuda_stream__(self) -> tuple[int, int]:
            return 0, 9

    for given, wanted in ((CuPy(), 7), (Torch(), 1), (Protocol(), 9), (0, 1), (5, 5)):
        with sprat.cuda.stream(given) as handle:
            assert handle == wanted
    for bad in ("0", None, -1, True, 1.5):
        with pytest.raises(TypeError, match="^stream: wanted"), sprat.cuda.stream(bad):
            pass


# ---- refusals

REFUSED = {
    "host": (lambda: random(3), "wanted an array on the device, got a NumPy array; sprat.cuda.array copies it there"),
    "gaps": (lambda: Interface(random(4), shape=(2,), strides=(8,)), "wanted a C-contiguous array"),
    "misaligned": (lambda: shifted(2), "wanted an aligned array"),
    "byte order": (lambda: Interface(random(4), typestr=">f4"), "wanted an aligned array in native byte order"),
    "masked": (lambda: Interface(random(4), mask=object()), "wanted a plain array, got a masked one"),
    "old interface": (lambda: Interface(random(4), version=1), "wanted __cuda_array_interface__ version 2 or 3, got 1"),
    "other device": (lambda: OtherDevice(random(4)), "wanted an array on device 0, got one on device 3"),
    "ROCm": (
        lambda: Exchange(random(4), device=(10, 0)),
        "got cuda_foreign.Exchange in memory of another kind of device",
    ),
    "list": (lambda: [1.0], "wanted an array on the device, got list"),
}


def shifted(by: int) -> Interface:
    theirs = Interface(random(4))
    theirs.told = {"data": (theirs.memory.pointer + by, False), "shape": (2,)}
    return theirs


class OtherDevice(Exchange):
    """Its memory says device 3."""

    def __dlpack__(self, **options: Any) -> Any:
        memory = self.memory
        return sys.modules["sprat._cuda"].dlpack(memory.pointer, memory.shape, "f", 32, 3, False, False, memory)


@pytest.mark.parametrize("kind", REFUSED)
def test_refusals(kind: str) -> None:
    make, message = REFUSED[kind]
    parameter = sprat.cuda.array(random(4))
    optimizer = sprat.optim.SGD([parameter], lr=1.0)
    with pytest.raises((TypeError, ValueError)) as caught:
        optimizer.step([make()])
    assert str(caught.value).startswith("grads[0]: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert_same_bits(parameter.numpy(), random(4))


def test_torch_in_host_memory_is_refused() -> None:
    torch = pytest.importorskip("torch")
    optimizer = sprat.optim.SGD([sprat.cuda.array(random(4))], lr=1.0)
    with pytest.raises(
        TypeError, match=r"^grads\[0\]: wanted an array on the device, got torch.Tensor in host memory$"
    ):
        optimizer.step([torch.ones(4)])


def test_a_device_array_does_not_become_a_host_array_unseen() -> None:
    array = sprat.cuda.array(random(2, 4))
    with pytest.raises(TypeError, match="one on the device"):
        np.asarray(array)
    with pytest.raises(TypeError):
        np.add(array, 1)
    with pytest.raises(TypeError, match="^x: wanted an array of numbers, got Array .*on the device"):
        sprat.nn.MLP([4, 2])(array)


def test_assignments_that_do_not_fit_change_nothing() -> None:
    array = sprat.cuda.array(random(3))
    for bad in (random(4), sprat.cuda.array(random(2))):
        with pytest.raises(ValueError, match="shape"):
            array[...] = bad
    with pytest.raises(ValueError, match="reshape: wanted a shape of 3 elements"):
        array.reshape(2, 2)
    with pytest.raises(TypeError, match="index: a device array gives views of rows"):
        array[0]
    assert_same_bits(array.numpy(), random(3))
    theirs = sprat.cuda.asarray(Interface(random(3), data=(array.pointer, True)))
    with pytest.raises(ValueError, match="read-only"):
        theirs[...] = 0.0
    with pytest.raises(ValueError, match=r"^params\[0\]: wanted a writable array"):
        sprat.optim.SGD([theirs], lr=0.1)


# ---- machines with and without


def info(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["info"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("CUDA"))
    return line.removeprefix("CUDA").strip()


def test_info_says_what_there_is(native: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    name = sprat.cuda.device_name()
    assert sprat.cuda.info() == {
        "built": True, "emulated": native.is_emulated, "devices": [name], "problem": None,
    }  # fmt: skip
    assert sprat.cuda.is_emulated() == native.is_emulated
    assert info(capsys) == (f"emulated on this CPU, for tests ({name})" if native.is_emulated else name)


def test_a_machine_without_a_driver(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not native.is_emulated:
        pytest.skip("this machine has one")
    monkeypatch.setenv("SPRAT_CUDA_EMULATED_DEVICES", "0")
    assert sprat.cuda.is_available() is False
    for call in (sprat.cuda.device_count, sprat.cuda.synchronize, lambda: sprat.cuda.array([1.0])):
        with pytest.raises(RuntimeError) as caught:
            call()
        assert "driver" in str(caught.value)
        assert "\n" not in str(caught.value)
    assert info(capsys).startswith("built, no device: ")


def test_the_way_of_host_arrays_does_not_import_cuda() -> None:
    """A training run, pruning, quantization and a prediction of the host load neither sprat.cuda nor its module."""
    program = """if True:
        import sys
        import numpy as np, sprat
        model, x = sprat.nn.MLP([2, 3, 2]), np.eye(2, dtype=np.float32)
        sprat.fit(model, x, np.array([0, 1]), epochs=1, progress=False)
        sprat.prune.magnitude(model, 0.5)
        sprat.Predictor(sprat.quantization.quantize_model(model))(x)
        sprat.nn.functional.softmax(x)
        assert not {"sprat.cuda", "sprat._cuda"} & sys.modules.keys()
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_a_build_without_the_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = Interface(random(3))
    monkeypatch.setitem(sys.modules, "sprat._cuda", None)
    monkeypatch.delenv("SPRAT_CUDA_MODULE", raising=False)
    assert sprat.cuda.is_available() is False
    with pytest.raises(RuntimeError, match="^CUDA: "):
        sprat.cuda.array([1.0])
    with pytest.raises(TypeError, match="^x: wanted an array in host memory, got one on a device; CUDA: "):
        sprat.quantization.quantize(theirs, 0.1)
    assert info(capsys) == "not built"
