#include "io/head.h"

#include <algorithm>

#include "io/wrong.h"

namespace sprat::io {
namespace {

void check_classes(size_t classes, int64_t out_features) {
  if (classes > static_cast<uint64_t>(std::max(out_features, int64_t{2}))) {
    wrong("there are names of %zu classes, but %lld outputs", classes, static_cast<long long>(out_features));
  }
}

}  // namespace

Head read_head(Fields& fields, int64_t in_features, int64_t out_features) {
  Head head;
  if (!fields.any("loss").is_null()) {
    fields.among("loss", {"cross_entropy", "bce_with_logits", "mse", "mae", "huber"});
    head.loss = fields.text("loss");
  }
  if (const JsonValue names = fields.any("class_names"); !names.is_null()) {
    const std::vector<std::string_view> found = different_texts(names, fields.where(), "class_names");
    check_classes(found.size(), out_features);
    head.classes.assign(found.begin(), found.end());
  }
  if (const JsonValue encoder = fields.any("encoder"); !encoder.is_null()) {
    Encoding encoding = read_encoder(encoder);
    if (encoding.num_features != in_features) {
      wrong("the encoder gives %lld features, the model takes %lld", static_cast<long long>(encoding.num_features),
            static_cast<long long>(in_features));
    }
    check_classes(encoding.classes.size(), out_features);
    if (!encoding.classes.empty()) head.classes = std::move(encoding.classes);
  }
  return head;
}

}  // namespace sprat::io
