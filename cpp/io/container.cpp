#include "io/container.h"

#include <algorithm>

#include "io/wrong.h"

namespace sprat::io {
namespace {

std::string words(Dtype dtype, const std::vector<int64_t>& shape) {
  std::string text = std::string(dtype_name(dtype)) + " [";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

Container::Container(const Source& source) : source_(source), header_(read_header(source)) {
  JsonValue version, kind, config;
  for (JsonValue v = header_.metadata ? header_.metadata.first() : JsonValue(); v; v = v.next()) {
    if (v.key() == "sprat") version = v;
    if (v.key() == "kind") kind = v;
    if (v.key() == "config") config = v;
  }
  if (!version) wrong("a safetensors file that sprat did not write (its metadata lack the key 'sprat')");
  if (version.text() != "1") {
    wrong("format version %s is unknown, this sprat reads version '1'", version.shown().c_str());
  }
  if (!kind || !config) wrong("the metadata lack the key '%s'", kind ? "config" : "kind");
  for (JsonValue v = header_.metadata.first(); v; v = v.next()) {
    if (v.key() != "sprat" && v.key() != "kind" && v.key() != "config") {
      wrong("the metadata have the unknown key %s", quoted(v.key()).c_str());
    }
  }
  kind_ = kind.text();
  config_text_ = config.text();
  config_ = std::make_unique<Json>("the configuration", config_text_);
  if (!config_->root().is(JsonKind::kObject)) wrong("the configuration is not a JSON object");
}

const Entry* Container::find(std::string_view name) const {
  const auto found = std::lower_bound(header_.tensors.begin(), header_.tensors.end(), name,
                                      [](const Entry& entry, std::string_view wanted) { return entry.name < wanted; });
  return found != header_.tensors.end() && found->name == name ? &*found : nullptr;
}

void Container::check(const std::vector<TensorSpec>& wanted) const {
  for (const TensorSpec& spec : wanted) {
    const Entry* entry = find(spec.name);
    if (!entry) wrong("tensor '%s' is missing", spec.name.c_str());
    if (entry->dtype != spec.dtype || entry->shape != spec.shape) {
      wrong("tensor '%s' is %s, the configuration wants %s", spec.name.c_str(),
            words(entry->dtype, entry->shape).c_str(), words(spec.dtype, spec.shape).c_str());
    }
  }
  if (wanted.size() == header_.tensors.size()) return;
  std::vector<std::string_view> names;
  names.reserve(wanted.size());
  for (const TensorSpec& spec : wanted) names.push_back(spec.name);
  std::sort(names.begin(), names.end());
  for (const Entry& entry : header_.tensors) {
    if (!std::binary_search(names.begin(), names.end(), entry.name)) {
      wrong("tensor %s has no place in the configuration", quoted(entry.name).c_str());
    }
  }
}

int64_t Container::size(std::string_view name) const {
  const Entry* entry = find(name);
  return entry->end - entry->begin;
}

void Container::read(std::string_view name, void* to) const {
  const Entry* entry = find(name);
  source_.read(header_.data_start + static_cast<uint64_t>(entry->begin), static_cast<size_t>(entry->end - entry->begin),
               to);
}

}  // namespace sprat::io
