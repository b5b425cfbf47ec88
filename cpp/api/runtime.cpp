// Instruction sets, threads and floating-point mode, as the C ABI shows them.
#include "api/dispatch.h"
#include "api/status.h"

using namespace sprat;

int32_t sprat_isa_count(void) noexcept { return isa_count(); }

const char* sprat_isa_name(int32_t index) noexcept {
  const KernelTable* table = isa_table(index);
  return table ? table->isa : nullptr;
}

int32_t sprat_isa_supported(const char* name) noexcept {
  const KernelTable* table = name ? find_isa(name) : nullptr;
  return table && isa_supported(table);
}

const char* sprat_isa(void) noexcept { return kernels().isa; }

sprat_status sprat_set_isa(const char* name) noexcept {
  SPRAT_REQUIRE(name, "isa: must not be NULL");
  const KernelTable* table = find_isa(name);
  SPRAT_REQUIRE(table, "isa: this build has no instruction set '%s'", name);
  if (!isa_supported(table)) return refuse(SPRAT_UNSUPPORTED, "isa: this CPU cannot run '%s'", name);
  use_isa(table);
  return SPRAT_OK;
}
