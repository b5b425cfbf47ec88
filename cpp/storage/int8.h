// int8: two's complement, [-128, 127].
#pragma once

#include "simd/vec.h"
#include "sprat/sprat.h"
#include "storage/byte_format.h"

SPRAT_ISA_BEGIN

struct Int8 : ByteFormat<int8_t> {
  static constexpr sprat_dtype kDtype = SPRAT_INT8;
  static constexpr int32_t kMin = -128, kMax = 127;
};

SPRAT_ISA_END
