// The formats that real numbers are quantized to. Kernels, bindings and tests iterate over this list.
#pragma once

#include "storage/int8.h"
#include "storage/uint8.h"

SPRAT_ISA_BEGIN

template <template <class...> class Use>
using QuantizedFormats = Use<Int8, UInt8>;

SPRAT_ISA_END
