#include "api/dispatch.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/cpu.h"
#include "isa_list.h"

namespace sprat {

#define SPRAT_DECLARE(name, features)    \
  namespace name {                       \
  extern const KernelTable kernel_table; \
  }
SPRAT_FOR_EACH_ISA(SPRAT_DECLARE)
#undef SPRAT_DECLARE

namespace {

struct Isa {
  const KernelTable* table;
  const char* features;
};

constexpr Isa kIsas[] = {
#define SPRAT_ROW(name, features) {&name::kernel_table, features},
    SPRAT_FOR_EACH_ISA(SPRAT_ROW)
#undef SPRAT_ROW
};
constexpr int kCount = sizeof(kIsas) / sizeof(kIsas[0]);

std::atomic<const KernelTable*> in_use{nullptr};

bool contains_word(std::string_view words, std::string_view wanted) {
  for (size_t at = 0; (at = words.find(wanted, at)) != words.npos; ++at) {
    const size_t end = at + wanted.size();
    if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' ')) return true;
  }
  return false;
}

// Whether this CPU offers every one of the features, which stand separated by spaces.
bool cpu_offers(std::string_view features) {
  const std::string_view offered = cpu_features().names;
  while (!features.empty()) {
    const size_t end = features.find(' ');
    if (!contains_word(offered, features.substr(0, end))) return false;
    features = end == features.npos ? std::string_view{} : features.substr(end + 1);
  }
  return true;
}

// SPRAT_ISA where it names one that this machine can run, else the strongest. A name that cannot run is reported by
// the Python package, not here: a library must not refuse to work over an environment variable.
const KernelTable* choose() {
  if (const char* wanted = std::getenv("SPRAT_ISA")) {
    const KernelTable* table = find_isa(wanted);
    if (table && isa_supported(table)) return table;
  }
  const KernelTable* best = kIsas[0].table;
  for (const Isa& isa : kIsas) {
    if (cpu_offers(isa.features)) best = isa.table;
  }
  return best;
}

}  // namespace

int isa_count() { return kCount; }

const KernelTable* isa_table(int index) { return index >= 0 && index < kCount ? kIsas[index].table : nullptr; }

const KernelTable* find_isa(const char* name) {
  for (const Isa& isa : kIsas) {
    if (std::strcmp(isa.table->isa, name) == 0) return isa.table;
  }
  return nullptr;
}

bool isa_supported(const KernelTable* table) {
  for (const Isa& isa : kIsas) {
    if (isa.table == table) return cpu_offers(isa.features);
  }
  return false;
}

void use_isa(const KernelTable* table) { in_use.store(table, std::memory_order_release); }

const KernelTable& kernels() {
  const KernelTable* table = in_use.load(std::memory_order_acquire);
  if (!table) {
    table = choose();  // two first callers choose the same
    use_isa(table);
  }
  return *table;
}

}  // namespace sprat
