#include "io/packed_file.h"

#include <new>
#include <string>

#include "io/fields.h"
#include "io/mlp_file.h"
#include "io/values.h"
#include "io/wrong.h"

namespace sprat::io {
namespace {

constexpr int64_t kMaxIntegerInputs = 65793;  // beyond it sums could overflow

// A layer as the configuration tells it, and how its weight is stored.
struct Plan {
  std::string name;  // "layers.0"
  sprat_packed_layer layer{};
  bool has_bias = false;
  int64_t nonzeros = -1;  // -1: stored as a matrix

  int64_t weights() const { return layer.in_features * layer.out_features; }
  bool is_int4() const { return layer.weights == SPRAT_WEIGHTS_INT4; }
  bool is_integer() const { return layer.weights == SPRAT_WEIGHTS_INT8 || is_int4(); }
  int64_t groups() const { return is_int4() ? (layer.in_features - 1) / layer.group_size + 1 : 1; }
};

Dtype weight_dtype(int32_t weights) {
  switch (weights) {
    case SPRAT_WEIGHTS_FLOAT32:
      return Dtype::kF32;
    case SPRAT_WEIGHTS_FLOAT16:
      return Dtype::kF16;
    case SPRAT_WEIGHTS_BFLOAT16:
      return Dtype::kU16;
    case SPRAT_WEIGHTS_INT8:
      return Dtype::kI8;
    default:
      return Dtype::kU8;
  }
}

// Two codes of int4 share a byte.
int64_t halved(const Plan& plan, int64_t count) { return plan.is_int4() ? (count + 1) / 2 : count; }

void read_input(Fields& fields, Plan& plan, bool bfloat16_products) {
  sprat_packed_layer& layer = plan.layer;
  const char* where = plan.name.c_str();
  layer.input = plan.is_integer() ? SPRAT_INPUT_DYNAMIC : bfloat16_products ? SPRAT_INPUT_BFLOAT16 : SPRAT_INPUT_FLOAT;
  if (bfloat16_products && layer.weights != SPRAT_WEIGHTS_BFLOAT16) {
    wrong("%s.products: wanted bfloat16 weights for bfloat16 products", where);
  }
  layer.input_scale = 1;
  if (fields.any("input_scale").is_null() && fields.any("input_zero_point").is_null()) return;
  layer.input_scale = static_cast<float>(fields.number("input_scale", kLeastScale, kMostScale));
  layer.input_zero_point = static_cast<int32_t>(fields.integer("input_zero_point", 0, 255));
  if (!plan.is_integer()) wrong("%s.input_scale: wanted null but for int8 and int4 weights", where);
  layer.input = SPRAT_INPUT_STATIC;
}

Plan read_layer(JsonValue value, size_t index) {
  Fields fields(value, "layer " + std::to_string(index));
  Plan plan;
  plan.name = "layers." + std::to_string(index);
  sprat_packed_layer& layer = plan.layer;
  layer.size = sizeof layer;
  layer.weights = fields.among("weights", {"float32", "float16", "bfloat16", "int8", "int4"});  // by sprat_weights
  layer.in_features = fields.integer("in_features", 1, plan.is_integer() ? kMaxIntegerInputs : kMostInt32);
  layer.out_features = fields.integer("out_features", 1);
  layer.activation = fields.activation("activation");
  // A file leaves out what is usual.
  if (fields.optional("zeros")) layer.zeros = fields.among("zeros", {"dense", "unstructured", "blocks"});
  const bool bfloat16 = fields.optional("products") && fields.among("products", {"float32", "bfloat16"}) == 1;
  if (fields.optional("group_size")) layer.group_size = fields.integer("group_size", 0);
  if (plan.is_int4() != (layer.group_size > 0) || layer.group_size % 32 != 0) {
    wrong("layer %zu: group_size = %lld is not one of its weights", index, static_cast<long long>(layer.group_size));
  }
  if (const JsonValue nonzeros = fields.optional("nonzeros"); nonzeros && !nonzeros.is_null()) {
    plan.nonzeros = fields.integer("nonzeros", 0, plan.weights());
  }
  plan.has_bias = fields.flag("bias");
  read_input(fields, plan, bfloat16);
  fields.done();
  return plan;
}

void add_specs(const Plan& plan, std::vector<TensorSpec>& specs) {
  const sprat_packed_layer& layer = plan.layer;
  const Dtype dtype = weight_dtype(layer.weights);
  if (plan.nonzeros < 0) {
    specs.push_back({plan.name + ".weight", dtype, {layer.out_features, halved(plan, layer.in_features)}});
  } else {
    specs.push_back({plan.name + ".weight", dtype, {halved(plan, plan.nonzeros)}});
    specs.push_back({plan.name + ".kept", Dtype::kU8, {num_bit_bytes(plan.weights())}});
  }
  if (plan.is_int4()) {
    specs.push_back({plan.name + ".weight_scale", Dtype::kF32, {layer.out_features, plan.groups()}});
  } else if (plan.is_integer()) {
    specs.push_back({plan.name + ".weight_scale", Dtype::kF32, {layer.out_features}});
  }
  if (plan.has_bias) specs.push_back({plan.name + ".bias", Dtype::kF32, {layer.out_features}});
}

// Reads the arrays of a layer.
class Reader {
 public:
  Reader(const Container& container, PackedFile& file) : container_(container), file_(file) {}

  void read(const Plan& plan) {
    sprat_packed_layer layer = plan.layer;
    layer.weight = weight(plan);
    if (plan.is_integer()) {
      const float* scales = floats(plan.name + ".weight_scale");
      if (!all_of<uint32_t>(scales, layer.out_features * plan.groups(), Float32::is_positive)) {
        wrong("tensor '%s.weight_scale' holds a scale that is not positive", plan.name.c_str());
      }
      layer.weight_scales = scales;
    }
    if (plan.has_bias) layer.bias = floats(plan.name + ".bias");
    file_.layers.push_back(layer);
  }

 private:
  std::byte* room(int64_t bytes) {
    AlignedBuffer<std::byte> buffer;
    if (!buffer.allocate(bytes)) throw std::bad_alloc();
    file_.arrays.push_back(std::move(buffer));
    return file_.arrays.back().data();
  }

  std::byte* tensor(const std::string& name) {
    std::byte* array = room(container_.size(name));
    container_.read(name, array);
    return array;
  }

  const float* floats(const std::string& name) {
    const std::byte* array = tensor(name);
    if (!all_of<uint32_t>(array, container_.size(name) / 4, Float32::is_finite)) {
      wrong("tensor '%s' holds NaN or infinity", name.c_str());
    }
    return reinterpret_cast<const float*>(array);
  }

  const std::byte* weight(const Plan& plan) {
    const std::string name = plan.name + ".weight";
    const std::byte* values = tensor(name);
    check_finite(plan, name, values);
    if (plan.nonzeros >= 0) {
      const auto stored = static_cast<std::ptrdiff_t>(file_.arrays.size()) - 1;
      const std::byte* matrix = spread(plan, name, values);
      file_.arrays.erase(file_.arrays.begin() + stored);
      return matrix;
    }
    if (plan.is_int4()) {
      const int64_t row = halved(plan, plan.layer.in_features);
      for (int64_t n = 0; n < plan.layer.out_features; ++n) check_odd(plan.layer.in_features, values + n * row, name);
    }
    return values;
  }

  void check_finite(const Plan& plan, const std::string& name, const std::byte* values) const {
    const int64_t length = container_.size(name) / dtype_size(weight_dtype(plan.layer.weights));
    const int32_t weights = plan.layer.weights;
    const bool is_finite = weights == SPRAT_WEIGHTS_FLOAT32    ? all_of<uint32_t>(values, length, Float32::is_finite)
                           : weights == SPRAT_WEIGHTS_FLOAT16  ? all_of<uint16_t>(values, length, Float16::is_finite)
                           : weights == SPRAT_WEIGHTS_BFLOAT16 ? all_of<uint16_t>(values, length, BFloat16::is_finite)
                                                               : true;
    if (!is_finite) wrong("tensor '%s' holds NaN or infinity", name.c_str());
  }

  // Beside an odd last code there is nothing.
  static void check_odd(int64_t count, const std::byte* codes, const std::string& name) {
    if (count % 2 == 0) return;
    if (static_cast<uint8_t>(codes[count / 2]) >> 4) wrong("%s: wanted 0 beside an odd last code", name.c_str());
  }

  // The matrix of what is not zero and a bit for each weight.
  const std::byte* spread(const Plan& plan, const std::string& name, const std::byte* values) {
    const std::string kept_name = plan.name + ".kept";
    const int64_t count = plan.weights();
    std::vector<uint8_t> kept(static_cast<size_t>(num_bit_bytes(count)));
    container_.read(kept_name, kept.data());
    if (plan.is_int4()) check_odd(plan.nonzeros, values, name);
    if (!ends_clean(kept.data(), count)) {
      wrong("%s: wanted no bits beyond %lld elements", kept_name.c_str(), static_cast<long long>(count));
    }
    int64_t set = 0;
    for (const uint8_t byte : kept) set += __builtin_popcount(byte);
    if (set != plan.nonzeros) {
      wrong("%s: wanted %lld bits, got %lld", kept_name.c_str(), static_cast<long long>(plan.nonzeros),
            static_cast<long long>(set));
    }
    if (has_zero(plan, values)) wrong("%s: wanted no zeros among what is kept", name.c_str());
    return plan.is_int4() ? spread_codes(plan, kept, values) : spread_items(plan, kept, values);
  }

  static uint8_t code(const std::byte* pairs, int64_t i) {
    return static_cast<uint8_t>(static_cast<uint8_t>(pairs[i / 2]) >> (i % 2 * 4) & 15);
  }

  static bool has_zero(const Plan& plan, const std::byte* values) {
    const auto not_zero32 = [](uint32_t bits) { return !Float32::is_zero(bits); };
    const auto not_zero16 = [](uint16_t bits) { return !Float16::is_zero(bits); };
    const auto not_zero = [](auto bits) { return bits != 0; };
    const int64_t length = plan.nonzeros;
    switch (plan.layer.weights) {
      case SPRAT_WEIGHTS_FLOAT32:
        return !all_of<uint32_t>(values, length, not_zero32);
      case SPRAT_WEIGHTS_FLOAT16:
        return !all_of<uint16_t>(values, length, not_zero16);
      case SPRAT_WEIGHTS_BFLOAT16:
        return !all_of<uint16_t>(values, length, not_zero);  // kept as integers
      case SPRAT_WEIGHTS_INT8:
        return !all_of<uint8_t>(values, length, not_zero);
      default:
        for (int64_t i = 0; i < length; ++i) {
          if (code(values, i) == 0) return true;
        }
        return false;
    }
  }

  const std::byte* spread_items(const Plan& plan, const std::vector<uint8_t>& kept, const std::byte* values) {
    const int64_t item = dtype_size(weight_dtype(plan.layer.weights)), count = plan.weights();
    std::byte* matrix = room(count * item);
    std::memset(matrix, 0, static_cast<size_t>(count * item));
    for (int64_t i = 0; i < count; ++i) {
      if (!bit(kept.data(), i)) continue;
      std::memcpy(matrix + i * item, values, static_cast<size_t>(item));
      values += item;
    }
    return matrix;
  }

  const std::byte* spread_codes(const Plan& plan, const std::vector<uint8_t>& kept, const std::byte* pairs) {
    const int64_t inputs = plan.layer.in_features, row = halved(plan, inputs);
    std::byte* matrix = room(plan.layer.out_features * row);
    std::memset(matrix, 0, static_cast<size_t>(plan.layer.out_features * row));
    int64_t taken = 0;
    for (int64_t i = 0; i < plan.weights(); ++i) {
      if (!bit(kept.data(), i)) continue;
      const int64_t k = i % inputs;
      matrix[i / inputs * row + k / 2] |= static_cast<std::byte>(code(pairs, taken++) << (k % 2 * 4));
    }
    return matrix;
  }

  const Container& container_;
  PackedFile& file_;
};

}  // namespace

PackedFile read_packed(const Container& container) {
  Fields fields(container.config(), "the configuration");
  Fields model(fields.any("model"), "model");
  const JsonValue entries = model.list("layers");
  model.done();
  if (entries.size() < 1 || entries.size() > kMaxFileLayers) {
    wrong("model: %zu layers, wanted 1 to %zu", entries.size(), kMaxFileLayers);
  }
  std::vector<Plan> plans;
  std::vector<TensorSpec> specs;
  for (JsonValue v = entries.first(); v; v = v.next()) {
    plans.push_back(read_layer(v, plans.size()));
    add_specs(plans.back(), specs);
    const size_t i = plans.size() - 1;
    if (i == 0 || plans[i - 1].layer.out_features == plans[i].layer.in_features) continue;
    wrong("layer %zu gives %lld features, layer %zu takes %lld", i - 1,
          static_cast<long long>(plans[i - 1].layer.out_features), i,
          static_cast<long long>(plans[i].layer.in_features));
  }
  PackedFile file;
  file.head = read_head(fields, plans.front().layer.in_features, plans.back().layer.out_features);
  fields.done();
  container.check(specs);
  Reader reader(container, file);
  for (const Plan& plan : plans) reader.read(plan);
  return file;
}

}  // namespace sprat::io
