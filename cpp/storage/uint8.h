// uint8: [0, 255].
#pragma once

#include "simd/vec.h"
#include "sprat/sprat.h"
#include "storage/byte_format.h"

SPRAT_ISA_BEGIN

struct UInt8 : ByteFormat<uint8_t> {
  static constexpr sprat_dtype kDtype = SPRAT_UINT8;
  static constexpr int32_t kMin = 0, kMax = 255;
};

SPRAT_ISA_END
