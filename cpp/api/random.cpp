// Counter-based random orders through the C ABI.
#include "api/status.h"
#include "core/shuffle.h"

using namespace sprat;

sprat_status sprat_permutation(uint64_t seed, uint64_t stream, int64_t length, int64_t* out) noexcept {
  SPRAT_REQUIRE(length >= 0, "length: must not be negative, got %lld", static_cast<long long>(length));
  SPRAT_REQUIRE(out || length == 0, "out: must not be NULL");
  permutation(seed, stream, length, out);
  return SPRAT_OK;
}
