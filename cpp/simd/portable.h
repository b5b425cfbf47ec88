// An instruction set without a header of its own: 16-byte registers, all in the compiler's hands.
#pragma once

#include "core/macros.h"

SPRAT_ISA_BEGIN
namespace native {
constexpr int kRegisterBytes = 16;
}
SPRAT_ISA_END

#include "simd/registers.h"
