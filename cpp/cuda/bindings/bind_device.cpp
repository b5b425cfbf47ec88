// Devices, their memory, streams and events.
#include "cuda/bindings/common.h"

namespace sprat::cuda::bindings {
namespace {

nb::dict device_info(int32_t device) {
  sprat_cuda_device info{};
  info.size = sizeof info;
  check(sprat_cuda_device_info(device, &info));
  nb::dict out;
  out["name"] = nb::str(info.name);
  out["capability"] = nb::make_tuple(info.major, info.minor);
  out["multiprocessors"] = info.multiprocessors;
  out["clock_khz"] = info.clock_khz;
  out["memory_clock_khz"] = info.memory_clock_khz;
  out["memory_bus_bits"] = info.memory_bus_bits;
  out["l2_bytes"] = info.l2_bytes;
  out["memory_bytes"] = info.memory_bytes;
  return out;
}

int32_t device_count() {
  int32_t count = 0;
  check(sprat_cuda_device_count(&count));
  return count;
}

int32_t current_device() {
  int32_t device = 0;
  check(sprat_cuda_get_device(&device));
  return device;
}

nb::tuple memory_info() {
  int64_t free_bytes = 0, total_bytes = 0;
  check(sprat_cuda_memory_info(&free_bytes, &total_bytes));
  return nb::make_tuple(free_bytes, total_bytes);
}

int32_t pointer_device(Address address) {
  int32_t device = -1;
  check(sprat_cuda_pointer_device(pointer(address), &device));
  return device;
}

Address allocate(int64_t bytes, Address stream) {
  void* memory = nullptr;
  check_without_gil([&] { return sprat_cuda_malloc(bytes, &memory, pointer(stream)); });
  return address_of(memory);
}

Address stream_create() {
  void* stream = nullptr;
  check(sprat_cuda_stream_create(&stream));
  return address_of(stream);
}

Address event_create(bool timing) {
  void* event = nullptr;
  check(sprat_cuda_event_create(timing, &event));
  return address_of(event);
}

double elapsed(Address start, Address end) {
  double seconds = 0;
  check_without_gil([&] { return sprat_cuda_elapsed(pointer(start), pointer(end), &seconds); });
  return seconds;
}

}  // namespace

void bind_device(nb::module_& m) {
  m.attr("is_emulated") = sprat_cuda_is_emulated() != 0;
  m.def("device_count", &device_count, "Devices of this machine; RuntimeError without a driver or without any.");
  m.def("device_info", &device_info, nb::arg("device"), "Name, compute capability and what bounds its speed.");
  m.def("current_device", &current_device, "The device of the calling thread.");
  m.def(
      "set_device", [](int32_t device) { check(sprat_cuda_set_device(device)); }, nb::arg("device"),
      "Make this the device of the calling thread.");
  m.def("memory_info", &memory_info, "(free, total) bytes of the current device.");
  m.def("pointer_device", &pointer_device, nb::arg("address"), "The device that owns this memory; -1 for host memory.");

  m.def("malloc", &allocate, nb::arg("bytes"), nb::arg("stream") = 0, "Device memory, in the order of the stream.");
  m.def(
      "free", [](Address memory, Address stream) { check(sprat_cuda_free(pointer(memory), pointer(stream))); },
      nb::arg("memory"), nb::arg("stream") = 0, "Give memory of malloc back, in the order of the stream.");
  m.def(
      "copy",
      [](Address to, Address from, int64_t bytes, Address stream) {
        check_without_gil([&] { return sprat_cuda_copy(pointer(to), pointer(from), bytes, pointer(stream)); });
      },
      nb::arg("to"), nb::arg("from_"), nb::arg("bytes"), nb::arg("stream") = 0,
      "Copy bytes between any two of host and device.");
  m.def(
      "fill",
      [](Address memory, uint8_t byte, int64_t bytes, Address stream) {
        check(sprat_cuda_fill(pointer(memory), byte, bytes, pointer(stream)));
      },
      nb::arg("memory"), nb::arg("byte"), nb::arg("bytes"), nb::arg("stream") = 0, "Set every byte.");

  m.def("stream_create", &stream_create, "A new stream that does not wait for the default one.");
  m.def(
      "stream_destroy", [](Address stream) { check(sprat_cuda_stream_destroy(pointer(stream))); }, nb::arg("stream"),
      "Give a stream back; its work is still done.");
  m.def(
      "synchronize", [](Address stream) { check_without_gil([&] { return sprat_cuda_synchronize(pointer(stream)); }); },
      nb::arg("stream") = 0, "Wait until the stream has done its work.");
  m.def("event_create", &event_create, nb::arg("timing") = false, "A new event.");
  m.def(
      "event_destroy", [](Address event) { check(sprat_cuda_event_destroy(pointer(event))); }, nb::arg("event"),
      "Give an event back.");
  m.def(
      "event_record",
      [](Address event, Address stream) { check(sprat_cuda_event_record(pointer(event), pointer(stream))); },
      nb::arg("event"), nb::arg("stream") = 0, "Set the event behind what is on the stream now.");
  m.def(
      "stream_wait",
      [](Address stream, Address event) { check(sprat_cuda_stream_wait(pointer(stream), pointer(event))); },
      nb::arg("stream"), nb::arg("event"), "Let what comes on the stream wait for the event.");
  m.def("elapsed", &elapsed, nb::arg("start"), nb::arg("end"), "Seconds between two events made with timing=True.");
}

}  // namespace sprat::cuda::bindings
