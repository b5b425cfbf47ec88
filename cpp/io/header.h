// The header of a safetensors file (https://github.com/huggingface/safetensors#format), proved before a tensor is
// touched: eight bytes with its length (little endian), a JSON object, then the tensors' bytes without hole or overlap.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "io/json.h"
#include "io/source.h"

namespace sprat::io {

inline constexpr uint64_t kLengthBytes = 8;
// Encoders of tables put their categories into the header; more than this is no small network.
inline constexpr uint64_t kMaxHeaderBytes = 32 << 20;

// Those of its dtypes that NumPy knows too.
enum class Dtype : uint8_t { kF64, kF32, kF16, kI64, kI32, kI16, kI8, kU64, kU32, kU16, kU8, kBool };
const char* dtype_name(Dtype dtype);
int64_t dtype_size(Dtype dtype);

struct Entry {
  std::string_view name;
  Dtype dtype;
  std::vector<int64_t> shape;
  int64_t begin, end;  // in the data
};

struct Header {
  std::unique_ptr<Json> document;
  JsonValue metadata;          // an object of texts; empty if there is none
  std::vector<Entry> tensors;  // by name
  uint64_t data_start = 0;     // in the file
};

Header read_header(const Source& source);

}  // namespace sprat::io
