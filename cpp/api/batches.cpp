#include "api/batches.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "core/exact_sum.h"
#include "core/parallel.h"

namespace sprat {
namespace {

// Below this many bytes a second thread costs more than it brings.
constexpr int64_t kGrainBytes = 64 * 1024;
// Rows ahead whose first bytes are asked for: a random row is not in any cache.
constexpr int64_t kPrefetchRows = 8;

template <class From, class To>
void convert_row(const void* from, void* to, int64_t n) {
  const From* source = static_cast<const From*>(from);
  To* out = static_cast<To*>(to);
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<To>(source[i]);
}

using ConvertRow = void (*)(const void* from, void* to, int64_t n);

template <class To>
ConvertRow conversion_to(sprat_dtype from) {
  switch (from) {
    case SPRAT_FLOAT32:
      return convert_row<float, To>;
    case SPRAT_FLOAT64:
      return convert_row<double, To>;
    case SPRAT_INT8:
      return convert_row<int8_t, To>;
    default:
      return convert_row<uint8_t, To>;
  }
}

// A row of 16 to 128 bytes: whole registers, the last of which may overlap the one before. Here memcpy would be most of
// the time.
void copy_short_row(const char* from, char* to, int64_t bytes) {
  const int64_t last = bytes - 16;
  for (int64_t i = 0; i < last; i += 16) std::memcpy(to + i, from + i, 16);
  std::memcpy(to + last, from + last, 16);
}

bool is_dtype(sprat_dtype dtype) { return is_float(dtype) || dtype == SPRAT_INT8 || dtype == SPRAT_UINT8; }

}  // namespace

sprat_status check_stretch(const sprat_mlp& mlp, const sprat_training_data* data, const sprat_stretch* stretch) {
  SPRAT_REQUIRE(data && data->size == sizeof *data, "data.size: wanted %zu", sizeof *data);
  SPRAT_REQUIRE(data->rows >= 0, "data.rows: wanted at least 0, got %lld", shown(data->rows));
  SPRAT_REQUIRE(size_fits(data->rows, mlp.widest), "data.rows: %lld rows are more than there is memory for",
                shown(data->rows));
  SPRAT_REQUIRE(is_dtype(data->x_dtype), "data.x_dtype: there is no dtype %d", static_cast<int>(data->x_dtype));
  if (data->rows > 0) SPRAT_RETURN_IF_REFUSED(check_array("data.x", data->x, item_size(data->x_dtype)));
  SPRAT_REQUIRE(data->target_kind == SPRAT_TARGET_NUMBERS || data->target_kind == SPRAT_TARGET_CLASSES,
                "data.target_kind: wanted numbers or classes, got %d", static_cast<int>(data->target_kind));
  SPRAT_REQUIRE(is_aligned(data->share, sizeof(double)), "data.share: wanted an array aligned to its element");
  SPRAT_REQUIRE(is_aligned(data->target, data->target_kind == SPRAT_TARGET_CLASSES ? 8 : mlp.element_size()) &&
                    is_aligned(data->teacher, mlp.element_size()) &&
                    is_aligned(data->sample_weight, mlp.element_size()),
                "data: wanted arrays aligned to their elements");
  SPRAT_REQUIRE(stretch && stretch->size == sizeof *stretch, "stretch.size: wanted %zu", sizeof *stretch);
  const sprat_stretch& s = *stretch;
  SPRAT_REQUIRE(s.length >= 0 && (s.order || s.length <= data->rows), "stretch.length: wanted 0 to %lld, got %lld",
                shown(data->rows), shown(s.length));
  SPRAT_REQUIRE(
      is_aligned(s.order, sizeof *s.order) && is_aligned(s.lr, sizeof *s.lr) && is_aligned(s.losses, sizeof *s.losses),
      "stretch: wanted arrays aligned to their elements");
  SPRAT_REQUIRE(s.batch_size >= 1, "stretch.batch_size: wanted at least 1, got %lld", shown(s.batch_size));
  SPRAT_REQUIRE(size_fits(std::min(s.batch_size, s.length), mlp.widest),
                "stretch.batch_size: batches of %lld rows are more than there is memory for",
                shown(std::min(s.batch_size, s.length)));
  const int64_t batches = s.length == 0 ? 0 : (s.length - 1) / s.batch_size + 1;
  SPRAT_REQUIRE(
      s.first_batch >= 0 && s.num_batches >= 0 && s.first_batch <= batches && s.num_batches <= batches - s.first_batch,
      "stretch: wanted some of the %lld batches, got %lld from batch %lld", shown(batches), shown(s.num_batches),
      shown(s.first_batch));
  SPRAT_REQUIRE(!s.options || s.options->size == sizeof *s.options, "stretch.options.size: wanted %zu",
                sizeof *s.options);
  SPRAT_REQUIRE(s.max_seconds >= 0, "stretch.max_seconds: wanted at least 0, got %g", s.max_seconds);
  return SPRAT_OK;
}

Batches::Batches(const sprat_mlp& mlp, const sprat_training_data& data, const sprat_stretch& stretch)
    : data_(data), stretch_(stretch) {
  const int64_t in = mlp.layers.front().in_features, out = mlp.layers.back().out_features, size = mlp.element_size();
  const bool ids = data.target_kind == SPRAT_TARGET_CLASSES;
  x_ = {data.x, in * item_size(data.x_dtype), in, data.x_dtype, mlp.dtype};
  target_ = {data.target, ids ? 8 : out * size, ids ? 1 : out, mlp.dtype, mlp.dtype};
  teacher_ = {data.teacher, out * size, out, mlp.dtype, mlp.dtype};
  weight_ = {data.sample_weight, size, 1, mlp.dtype, mlp.dtype};
}

bool Batches::prepare(Scratch& scratch) {
  const int64_t rows = std::min(stretch_.batch_size, stretch_.length);
  for (Column* column : {&x_, &target_, &teacher_, &weight_}) {
    if (!gathers(*column)) continue;
    column->buffer = scratch.bytes(rows * column->batch_row_bytes());
    if (!column->buffer) return false;
  }
  return true;
}

sprat_status Batches::check_order(int64_t begin, int64_t rows) const {
  if (!stretch_.order) return SPRAT_OK;
  for (int64_t i = begin; i < begin + rows; ++i) {
    const int64_t row = stretch_.order[i];
    SPRAT_REQUIRE(row >= 0 && row < data_.rows, "stretch.order: wanted row numbers in [0, %lld), got %lld",
                  shown(data_.rows), shown(row));
  }
  return SPRAT_OK;
}

// copy(from, to) for each of these rows, which become neighbours in the buffer.
template <class Copy>
void Batches::gather_with(const Column& column, int64_t begin, int64_t rows, Copy&& copy) const {
  const int64_t out_bytes = column.batch_row_bytes();
  const int64_t grain = std::max<int64_t>(1, kGrainBytes / std::max(column.row_bytes, out_bytes));
  parallel_for(rows, grain, [&](int64_t first, int64_t end) {
    char* out = static_cast<char*>(column.buffer) + first * out_bytes;
    if (!stretch_.order) {
      for (int64_t i = first; i < end; ++i, out += out_bytes) copy(column.row(begin + i), out);
      return;
    }
    const int64_t* order = stretch_.order + begin;
    for (int64_t i = first; i < end; ++i, out += out_bytes) {
      __builtin_prefetch(column.row(order[std::min(i + kPrefetchRows, rows - 1)]));
      copy(column.row(order[i]), out);
    }
  });
}

void Batches::gather(const Column& column, int64_t begin, int64_t rows) const {
  const int64_t bytes = column.row_bytes, values = column.values;
  const auto fixed = [](auto size) {
    return [](const char* from, char* to) { std::memcpy(to, from, decltype(size)::value); };
  };
  if (column.from != column.to) {
    const ConvertRow convert =
        column.to == SPRAT_FLOAT64 ? conversion_to<double>(column.from) : conversion_to<float>(column.from);
    gather_with(column, begin, rows, [=](const char* from, char* to) { convert(from, to, values); });
  } else if (bytes == 4) {
    gather_with(column, begin, rows, fixed(std::integral_constant<size_t, 4>()));
  } else if (bytes == 8) {
    gather_with(column, begin, rows, fixed(std::integral_constant<size_t, 8>()));
  } else if (bytes >= 16 && bytes <= 128) {
    gather_with(column, begin, rows, [=](const char* from, char* to) { copy_short_row(from, to, bytes); });
  } else {
    gather_with(column, begin, rows,
                [=](const char* from, char* to) { std::memcpy(to, from, static_cast<size_t>(bytes)); });
  }
}

const void* Batches::batch_of(const Column& column, int64_t begin) const {
  return gathers(column) ? column.buffer : column.rows ? column.row(begin) : nullptr;
}

double Batches::share_of(int64_t begin, int64_t rows) const {
  if (!data_.share) return static_cast<double>(rows);
  ExactSum sum;
  for (int64_t i = begin; i < begin + rows; ++i) sum.add(data_.share[stretch_.order ? stretch_.order[i] : i]);
  return sum.rounded();
}

sprat_status Batches::get(int64_t index, sprat_mlp_batch& batch, double& share) const {
  const int64_t begin = index * stretch_.batch_size;
  const int64_t rows = std::min(stretch_.batch_size, stretch_.length - begin);
  SPRAT_RETURN_IF_REFUSED(check_order(begin, rows));
  share = share_of(begin, rows);
  SPRAT_REQUIRE(share >= 0 && std::isfinite(share), "data.share: wanted a finite sum of at least 0, got %g", share);
  for (const Column* column : {&x_, &target_, &teacher_, &weight_}) {
    if (gathers(*column)) gather(*column, begin, rows);
  }
  batch = {sizeof batch,
           rows,
           batch_of(x_, begin),
           batch_of(target_, begin),
           data_.target_kind,
           batch_of(teacher_, begin),
           batch_of(weight_, begin)};
  return SPRAT_OK;
}

}  // namespace sprat
