#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "bindings/common.h"

namespace sprat::bindings {

void bind_runtime(nb::module_& m) {
  m.def(
      "version", [] { return std::string(sprat_version()); }, "Version of the native library.");
  m.def("abi_version", &sprat_abi_version, "Version of the C ABI.");
  m.def(
      "isas",
      [] {
        std::vector<std::string> names;
        for (int32_t i = 0; i < sprat_isa_count(); ++i) names.emplace_back(sprat_isa_name(i));
        return names;
      },
      "Instruction sets of this build, weakest first.");
  m.def(
      "isa_supported", [](const std::string& name) { return sprat_isa_supported(name.c_str()) != 0; }, nb::arg("name"),
      "Whether this CPU can run the instruction set.");
  m.def(
      "isa", [] { return std::string(sprat_isa()); }, "The instruction set in use.");
  m.def(
      "set_isa", [](const std::string& name) { check(sprat_set_isa(name.c_str())); }, nb::arg("name"),
      "Use another instruction set.");

  m.def(
      "limit_of_products",
      [](bool integers) {
        double rate = 0;
        check_without_gil([&] { return sprat_limit_of_products(integers ? SPRAT_INT8 : SPRAT_FLOAT32, &rate); });
        return rate;
      },
      nb::arg("integers"), "Operations a second of one thread at most, float32 or int8; measured now.");
  m.def(
      "limit_of_reading",
      [](int64_t bytes) {
        double rate = 0;
        check_without_gil([&] { return sprat_limit_of_reading(bytes, &rate); });
        return rate;
      },
      nb::arg("bytes"), "Bytes a second that one thread reads at most from so many of them; measured now.");

  m.def("num_threads", &sprat_num_threads, "Threads that a call of this thread may use at most.");
  m.def(
      "num_threads_source", [] { return std::string(sprat_num_threads_source()); }, "What decided num_threads().");
  m.def(
      "num_threads_warning", [] { return std::string(sprat_num_threads_warning()); },
      "Environment values that were ignored, or an empty string.");
  m.def(
      "set_num_threads", [](int32_t count) { check(sprat_set_num_threads(count)); }, nb::arg("count"),
      "For the whole process; 0 returns to the automatic number.");
  m.def(
      "set_thread_num_threads",
      [](int32_t count) {
        int32_t previous = 0;
        check(sprat_set_thread_num_threads(count, &previous));
        return previous;
      },
      nb::arg("count"), "For the calling thread; 0 removes it. Returns what it replaces.");
  m.def(
      "threading", [] { return std::string(sprat_threading()); }, "Who runs the threads: pool or openmp.");
  m.def(
      "set_threading", [](const std::string& name) { check(sprat_set_threading(name.c_str())); }, nb::arg("name"),
      "Choose who runs the threads.");
  m.def(
      "float_mode",
      [] {
        sprat_float_mode mode{};
        mode.size = sizeof mode;
        check(sprat_get_float_mode(&mode));
        nb::dict out;
        out["flush_to_zero"] = mode.flush_to_zero != 0;
        out["denormals_are_zero"] = mode.denormals_are_zero != 0;
        out["traps"] = mode.traps != 0;
        out["rounding"] = mode.rounding;
        return out;
      },
      nb::sig("def float_mode() -> dict[str, bool | str]"), "Floating-point mode of the calling thread.");
}

}  // namespace sprat::bindings
