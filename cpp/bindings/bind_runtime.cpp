#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "bindings/common.h"

namespace sprat::bindings {

void bind_runtime(nb::module_& m) {
  m.def("version", [] { return std::string(sprat_version()); }, "Version of the native library.");
  m.def("abi_version", &sprat_abi_version, "Version of the C ABI.");
  m.def(
      "isas",
      [] {
        std::vector<std::string> names;
        for (int32_t i = 0; i < sprat_isa_count(); ++i) names.emplace_back(sprat_isa_name(i));
        return names;
      },
      "Instruction sets of this build, weakest first.");
  m.def("isa_supported", [](const std::string& name) { return sprat_isa_supported(name.c_str()) != 0; }, nb::arg("name"),
        "Whether this CPU can run the instruction set.");
  m.def("isa", [] { return std::string(sprat_isa()); }, "The instruction set in use.");
  m.def("set_isa", [](const std::string& name) { check(sprat_set_isa(name.c_str())); }, nb::arg("name"),
        "Use another instruction set.");
}

}  // namespace sprat::bindings
