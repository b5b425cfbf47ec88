#include "io/header.h"

#include <algorithm>
#include <bit>
#include <string>

#include "io/utf8.h"
#include "io/wrong.h"

// Numbers of a file are copied as they lie.
static_assert(std::endian::native == std::endian::little);

namespace sprat::io {
namespace {

struct DtypeRow {
  const char* name;
  int64_t size;
};
constexpr DtypeRow kDtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2},
                                {"I8", 1},  {"U64", 8}, {"U32", 4}, {"U16", 2}, {"U8", 1},  {"BOOL", 1}};

Dtype read_dtype(JsonValue value, const std::string& what) {
  for (size_t i = 0; i < std::size(kDtypes); ++i) {
    if (value.is(JsonKind::kText) && value.text() == kDtypes[i].name) return static_cast<Dtype>(i);
  }
  wrong("%s: unknown dtype %s", what.c_str(), value.shown().c_str());
}

// Sizes of a list, or an empty answer where one is none. What does not fit 64 bits is no size of ours.
bool read_sizes(JsonValue value, std::vector<int64_t>& sizes) {
  for (JsonValue v = value.first(); v; v = v.next()) {
    int64_t size = -1;
    if (!v.integer(size) || size < 0) return false;
    sizes.push_back(size);
  }
  return value.is(JsonKind::kList);
}

std::string shown(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

Entry read_entry(JsonValue value) {
  const std::string what = "tensor " + quoted(value.key());
  JsonValue dtype, shape, offsets;
  for (JsonValue v = value.first(); v; v = v.next()) {
    if (v.key() == "dtype") dtype = v;
    if (v.key() == "shape") shape = v;
    if (v.key() == "data_offsets") offsets = v;
  }
  if (!value.is(JsonKind::kObject) || value.size() != 3 || !dtype || !shape || !offsets) {
    wrong("%s: wanted dtype, shape and data_offsets, nothing else", what.c_str());
  }
  Entry entry{value.key(), read_dtype(dtype, what), {}, 0, 0};
  std::vector<int64_t> positions;
  if (shape.size() > 8 || !read_sizes(shape, entry.shape)) {
    wrong("%s: shape is not a list of at most 8 sizes", what.c_str());
  }
  if (offsets.size() != 2 || !read_sizes(offsets, positions)) {
    wrong("%s: data_offsets are not two positions", what.c_str());
  }
  entry.begin = positions[0];
  entry.end = positions[1];
  int64_t bytes = dtype_size(entry.dtype);
  bool fits = true;
  for (const int64_t size : entry.shape) fits = !__builtin_mul_overflow(bytes, size, &bytes) && fits;
  if (!fits || entry.end - entry.begin != bytes) {
    wrong("%s: %s %s does not take the %lld bytes that data_offsets give", what.c_str(), dtype_name(entry.dtype),
          shown(entry.shape).c_str(), static_cast<long long>(entry.end - entry.begin));
  }
  return entry;
}

// Every byte of the data belongs to one tensor.
void check_cover(std::vector<Entry>& tensors, int64_t data_size) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const Entry& a, const Entry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  int64_t position = 0;
  for (const Entry& entry : tensors) {
    const std::string name = quoted(entry.name);
    if (entry.begin > position) {
      wrong("%lld bytes before tensor %s belong to no tensor", static_cast<long long>(entry.begin - position),
            name.c_str());
    }
    if (entry.begin < position) wrong("tensor %s overlaps the one before it", name.c_str());
    if (entry.end > data_size) {
      wrong("tensor %s ends at byte %lld, the data at byte %lld", name.c_str(), static_cast<long long>(entry.end),
            static_cast<long long>(data_size));
    }
    position = entry.end;
  }
  if (position != data_size) {
    wrong("%lld bytes after the last tensor belong to no tensor", static_cast<long long>(data_size - position));
  }
}

uint64_t header_length(const Source& source) {
  const uint64_t size = source.size();
  if (size == 0) wrong("the file is empty");
  if (size < kLengthBytes + 2)
    wrong("%llu bytes are too few for a safetensors file", static_cast<unsigned long long>(size));
  uint64_t length = 0;
  source.read(0, sizeof length, &length);
  const auto claimed = static_cast<unsigned long long>(length);
  if (length > size - kLengthBytes) {
    wrong("the header claims %llu bytes, the file has %llu after the length", claimed,
          static_cast<unsigned long long>(size - kLengthBytes));
  }
  if (length > kMaxHeaderBytes) {
    wrong("the header claims %llu bytes, the limit is %llu", claimed, static_cast<unsigned long long>(kMaxHeaderBytes));
  }
  if (length < 2) wrong("the header claims %llu bytes", claimed);
  return length;
}

}  // namespace

const char* dtype_name(Dtype dtype) { return kDtypes[static_cast<size_t>(dtype)].name; }
int64_t dtype_size(Dtype dtype) { return kDtypes[static_cast<size_t>(dtype)].size; }

Header read_header(const Source& source) {
  const uint64_t length = header_length(source);
  std::string raw(length, '\0');
  source.read(kLengthBytes, length, raw.data());
  if (raw.front() != '{') wrong("the header does not begin with '{'");
  const size_t end = valid_utf8(raw);
  if (end != raw.size()) wrong("the header is not UTF-8 (byte %zu)", end);

  Header header;
  header.document = std::make_unique<Json>("the header", raw);
  header.data_start = kLengthBytes + length;
  const JsonValue root = header.document->root();
  for (JsonValue v = root.first(); v; v = v.next()) {
    if (v.key() != "__metadata__") {
      header.tensors.push_back(read_entry(v));
      continue;
    }
    bool is_good = v.is(JsonKind::kObject);
    for (JsonValue text = v.first(); text; text = text.next()) is_good = is_good && text.is(JsonKind::kText);
    if (!is_good) wrong("__metadata__ is not an object of strings");
    header.metadata = v;
  }
  check_cover(header.tensors, static_cast<int64_t>(source.size() - header.data_start));
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return header;
}

}  // namespace sprat::io
