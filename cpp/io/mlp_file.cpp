#include "io/mlp_file.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <string>

#include "io/fields.h"
#include "io/values.h"
#include "io/wrong.h"

namespace sprat::io {
namespace {

// A parameter: its name, where it lies, and its place in the flags of frozen ones.
struct Part {
  std::string name;
  int64_t offset, length;
  size_t flag;
};

sprat_layer read_layer(JsonValue value, size_t index) {
  Fields fields(value, "layer " + std::to_string(index));
  sprat_layer layer{};
  layer.size = sizeof layer;
  layer.in_features = fields.integer("in_features", 1);
  layer.out_features = fields.integer("out_features", 1);
  layer.activation = fields.activation("activation");
  layer.has_bias = fields.flag("bias");
  layer.dropout = fields.number("dropout", 0.0, std::nextafter(1.0, 0.0));
  fields.done();
  return layer;
}

void read_layers(JsonValue model, MlpFile& file) {
  Fields fields(model, "model");
  file.dtype = fields.among("dtype", {"float32", "float64"}) == 0 ? SPRAT_FLOAT32 : SPRAT_FLOAT64;
  const JsonValue entries = fields.list("layers");
  fields.done();
  if (entries.size() < 1 || entries.size() > kMaxFileLayers) {
    wrong("model: %zu layers, wanted 1 to %zu", entries.size(), kMaxFileLayers);
  }
  for (JsonValue v = entries.first(); v; v = v.next()) file.layers.push_back(read_layer(v, file.layers.size()));
  for (size_t i = 1; i < file.layers.size(); ++i) {
    if (file.layers[i - 1].out_features == file.layers[i].in_features) continue;
    wrong("layer %zu gives %lld features, layer %zu takes %lld", i - 1,
          static_cast<long long>(file.layers[i - 1].out_features), i,
          static_cast<long long>(file.layers[i].in_features));
  }
  if (file.layers.back().dropout > 0) wrong("dropout: the last layer has none, got %g", file.layers.back().dropout);
}

std::vector<TensorSpec> parameter_specs(const MlpFile& file) {
  const Dtype dtype = file.dtype == SPRAT_FLOAT32 ? Dtype::kF32 : Dtype::kF64;
  std::vector<TensorSpec> specs;
  for (size_t i = 0; i < file.layers.size(); ++i) {
    const sprat_layer& layer = file.layers[i];
    const std::string name = "layers." + std::to_string(i);
    specs.push_back({name + ".weight", dtype, {layer.out_features, layer.in_features}});
    if (layer.has_bias) specs.push_back({name + ".bias", dtype, {layer.out_features}});
  }
  return specs;
}

// The parameters one after another. Sizes are those of tensors that are there.
std::vector<Part> place(MlpFile& file) {
  std::vector<Part> parts;
  for (size_t i = 0; i < file.layers.size(); ++i) {
    sprat_layer& layer = file.layers[i];
    const std::string name = "layers." + std::to_string(i);
    layer.weight_offset = file.num_params;
    parts.push_back({name + ".weight", layer.weight_offset, layer.in_features * layer.out_features, 2 * i});
    file.num_params += parts.back().length;
    if (!layer.has_bias) continue;
    layer.bias_offset = file.num_params;
    parts.push_back({name + ".bias", layer.bias_offset, layer.out_features, 2 * i + 1});
    file.num_params += layer.out_features;
  }
  return parts;
}

// Names that are parameters, by the place of the parameter.
std::vector<size_t> find_names(const std::vector<std::string_view>& names, const std::vector<TensorSpec>& specs,
                               const char* what) {
  std::vector<std::pair<std::string_view, size_t>> known;
  for (size_t i = 0; i < specs.size(); ++i) known.emplace_back(specs[i].name, i);
  std::sort(known.begin(), known.end());
  std::vector<size_t> places;
  for (const std::string_view name : names) {
    const auto found = std::lower_bound(known.begin(), known.end(), std::pair(name, size_t{0}));
    if (found == known.end() || found->first != name) {
      wrong("%s: the model has no parameter %s", what, quoted(name).c_str());
    }
    places.push_back(found->second);
  }
  return places;
}

void read_input_quant(Fields& fields, MlpFile& file) {
  const JsonValue entries = fields.optional("input_quant");
  if (!entries) return;
  fields.list("input_quant");
  if (entries.size() != file.layers.size()) {
    wrong("input_quant: %zu entries for %zu layers", entries.size(), file.layers.size());
  }
  file.quants.reserve(file.layers.size());  // what points into it stays
  for (JsonValue v = entries.first(); v; v = v.next()) {
    if (v.is_null()) {
      file.input_quant.push_back(nullptr);
      continue;
    }
    Fields one(v, "input_quant " + std::to_string(file.input_quant.size()));
    sprat_fake_quant quant{};
    quant.size = sizeof quant;
    quant.scale = one.number("scale", kLeastScale, kMostScale);
    quant.quant_min = static_cast<int32_t>(one.integer("quant_min", -128, 254));
    quant.quant_max = static_cast<int32_t>(one.integer("quant_max", quant.quant_min + 1, 255));
    quant.zero_point = static_cast<int32_t>(one.integer("zero_point", quant.quant_min, quant.quant_max));
    one.done();
    file.quants.push_back(quant);
    file.input_quant.push_back(&file.quants.back());
  }
}

template <class Number>
void read_values(const Container& container, const std::vector<Part>& parts, const std::vector<size_t>& masked,
                 MlpFile& file) {
  using Bits = decltype(Number::kSign);
  using Plain = std::remove_const_t<Bits>;
  const auto item = static_cast<int64_t>(sizeof(Plain));
  if (!file.params.allocate(file.num_params * item)) throw std::bad_alloc();
  for (const Part& part : parts) {
    std::byte* values = file.params.data() + part.offset * item;
    container.read(part.name, values);
    if (!all_of<Plain>(values, part.length, Number::is_finite)) {
      wrong("tensor '%s' holds NaN or infinity", part.name.c_str());
    }
  }
  if (masked.empty()) return;
  if (!file.mask.allocate(file.num_params)) throw std::bad_alloc();
  std::memset(file.mask.data(), 1, static_cast<size_t>(file.num_params));
  std::vector<uint8_t> bits;
  for (const size_t which : masked) {
    const Part& part = parts[which];
    bits.resize(static_cast<size_t>(num_bit_bytes(part.length)));
    container.read("mask." + part.name, bits.data());
    if (!ends_clean(bits.data(), part.length)) {
      wrong("tensor 'mask.%s': wanted no bits beyond %lld elements", part.name.c_str(),
            static_cast<long long>(part.length));
    }
    for (int64_t i = 0; i < part.length; ++i) {
      if (bit(bits.data(), i)) continue;
      std::byte* value = file.params.data() + (part.offset + i) * item;
      if (!all_of<Plain>(value, 1, Number::is_zero)) {
        wrong("tensor '%s' is not zero where its mask is", part.name.c_str());
      }
      std::memset(value, 0, sizeof(Plain));
      file.mask[part.offset + i] = 0;
    }
  }
}

}  // namespace

MlpFile read_mlp(const Container& container) {
  MlpFile file;
  Fields fields(container.config(), "the configuration");
  read_layers(fields.any("model"), file);
  std::vector<TensorSpec> specs = parameter_specs(file);
  const std::vector<size_t> frozen = find_names(fields.names("frozen"), specs, "frozen");
  const std::vector<size_t> masked = find_names(fields.names("masks"), specs, "masks");
  file.head = read_head(fields, file.layers.front().in_features, file.layers.back().out_features);
  read_input_quant(fields, file);
  fields.done();
  for (const size_t which : masked) {
    int64_t length = 1;
    for (const int64_t size : specs[which].shape) length *= size;  // below 2^62
    specs.push_back({"mask." + specs[which].name, Dtype::kU8, {num_bit_bytes(length)}});
  }
  container.check(specs);

  const std::vector<Part> parts = place(file);
  file.frozen.assign(2 * file.layers.size(), 0);
  for (const size_t which : frozen) file.frozen[parts[which].flag] = 1;
  if (file.dtype == SPRAT_FLOAT32) {
    read_values<Float32>(container, parts, masked, file);
  } else {
    read_values<Float64>(container, parts, masked, file);
  }
  return file;
}

}  // namespace sprat::io
