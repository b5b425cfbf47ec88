// Instruction sets, threads and floating-point mode, as the C ABI shows them.
#include <cstring>
#include <initializer_list>

#include "api/dispatch.h"
#include "api/params.h"
#include "api/status.h"
#include "core/float_mode.h"
#include "core/threads.h"

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

int32_t sprat_num_threads(void) noexcept { return num_threads(); }
const char* sprat_num_threads_source(void) noexcept { return num_threads_source(); }
const char* sprat_num_threads_warning(void) noexcept { return num_threads_warning(); }

sprat_status sprat_set_num_threads(int32_t count) noexcept {
  SPRAT_REQUIRE(count >= 0, "num_threads: wanted at least 0, got %d", count);
  set_num_threads(count);
  return SPRAT_OK;
}

sprat_status sprat_set_thread_num_threads(int32_t count, int32_t* previous) noexcept {
  SPRAT_REQUIRE(count >= 0, "num_threads: wanted at least 0, got %d", count);
  const int before = set_thread_local_num_threads(count);
  if (previous) *previous = before;
  return SPRAT_OK;
}

const char* sprat_threading(void) noexcept { return threading_name(threading()); }

sprat_status sprat_set_threading(const char* name) noexcept {
  SPRAT_REQUIRE(name, "threading: must not be NULL");
  for (const Threading choice : {Threading::kPool, Threading::kOpenMP}) {
    if (std::strcmp(name, threading_name(choice)) != 0) continue;
    if (!set_threading(choice)) return refuse(SPRAT_UNSUPPORTED, "threading: this build has no '%s'", name);
    return SPRAT_OK;
  }
  return refuse(SPRAT_INVALID_ARGUMENT, "threading: wanted 'pool' or 'openmp', got '%s'", name);
}

sprat_status sprat_get_float_mode(sprat_float_mode* mode) noexcept {
  Result taken(mode);
  SPRAT_REQUIRE(taken, "mode.size: wanted %zu", sizeof *mode);
  const FloatMode now = float_mode();
  taken.whole = {sizeof *mode, now.flush_to_zero, now.denormals_are_zero, now.traps, rounding_name(now.rounding)};
  return SPRAT_OK;
}
