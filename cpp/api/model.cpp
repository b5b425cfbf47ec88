// Model files: the doors, through which no exception goes.
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <variant>

#include "api/packed_checks.h"
#include "api/status.h"
#include "core/float_mode.h"
#include "io/container.h"
#include "io/mlp_file.h"
#include "io/packed_file.h"
#include "io/wrong.h"

struct sprat_model {
  ~sprat_model() { sprat_mlp_destroy(mlp); }

  sprat_mlp* mlp = nullptr;  // of the first kind
  std::variant<sprat::io::MlpFile, sprat::io::PackedFile> file;
  std::string config;

  const sprat::io::MlpFile* as_mlp() const { return std::get_if<sprat::io::MlpFile>(&file); }
  const sprat::io::PackedFile* as_packed() const { return std::get_if<sprat::io::PackedFile>(&file); }
  const sprat::io::Head& head() const { return as_mlp() ? as_mlp()->head : as_packed()->head; }
};

namespace sprat {
namespace {

// What a network itself asks of its layers is asked here too, so that a model that was loaded can be used.
sprat_status prove(sprat_model& model) {
  if (const io::PackedFile* packed = model.as_packed()) {
    return check_packed_layers(packed->layers.data(), static_cast<int64_t>(packed->layers.size()));
  }
  const io::MlpFile& file = *model.as_mlp();
  return sprat_mlp_create(file.layers.data(), static_cast<int64_t>(file.layers.size()), file.num_params, file.dtype,
                          &model.mlp);
}

std::unique_ptr<sprat_model> read(const io::Source& source) {
  const io::Container container(source);
  auto model = std::make_unique<sprat_model>();
  model->config = container.config_text();
  if (container.kind() == "mlp") {
    model->file = io::read_mlp(container);
  } else if (container.kind() == "packed_mlp") {
    model->file = io::read_packed(container);
  } else if (container.kind() == "training") {
    throw io::Unsupported{"a checkpoint of a training run; load it in Python and save its model"};
  } else {
    io::wrong("unknown kind %s; this sprat reads mlp, packed_mlp", io::quoted(container.kind()).c_str());
  }
  const sprat_status status = prove(*model);
  if (status == SPRAT_OUT_OF_MEMORY) throw std::bad_alloc();
  if (status != SPRAT_OK) io::wrong("%s", sprat_last_error());
  return model;
}

// The end of a path, in one line, so that a long one leaves room for what is wrong.
std::string shown_path(const char* path) {
  constexpr size_t kMost = 240;
  const size_t length = std::strlen(path);
  std::string text = length <= kMost ? path : "..." + std::string(path + length - kMost);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = '?';
  }
  return text;
}

// Runs open() for a Source and reads it. `name` begins the line of what is wrong.
template <class Open>
sprat_status load(const char* name, Open open, sprat_model** model) {
  const DefaultFloatMode mode;
  try {
    const std::string shown = shown_path(name);
    try {
      const io::Source source = open();
      *model = read(source).release();
      return SPRAT_OK;
    } catch (const io::FormatError& error) {
      return refuse(SPRAT_FORMAT_ERROR, "%s: %s", shown.c_str(), error.line.c_str());
    } catch (const io::Unsupported& error) {
      return refuse(SPRAT_UNSUPPORTED, "%s: %s", shown.c_str(), error.line.c_str());
    } catch (const io::FileError& error) {
      char reason[128];
      const char* line = strerror_r(error.number, reason, sizeof reason);
      return refuse(SPRAT_FILE_ERROR, "%s: %s", shown.c_str(), line);
    }
  } catch (const std::exception&) {  // bad_alloc, length_error
    return refuse(SPRAT_OUT_OF_MEMORY, "model: no memory");
  }
}

}  // namespace
}  // namespace sprat

using namespace sprat;

sprat_status sprat_model_load_file(const char* path, sprat_model** model) noexcept {
  SPRAT_REQUIRE(path, "path must not be NULL");
  SPRAT_REQUIRE(model, "model must not be NULL");
  return load(
      path, [&] { return io::Source(path); }, model);
}

sprat_status sprat_model_load_memory(const void* bytes, size_t size, sprat_model** model) noexcept {
  SPRAT_REQUIRE(bytes || size == 0, "bytes must not be NULL");
  SPRAT_REQUIRE(model, "model must not be NULL");
  return load(
      "model", [&] { return io::Source(bytes, size); }, model);
}

void sprat_model_destroy(sprat_model* model) noexcept { delete model; }

const char* sprat_model_kind(const sprat_model* model) noexcept { return model->mlp ? "mlp" : "packed_mlp"; }

int64_t sprat_model_in_features(const sprat_model* model) noexcept {
  return model->mlp ? model->as_mlp()->layers.front().in_features : model->as_packed()->layers.front().in_features;
}

int64_t sprat_model_out_features(const sprat_model* model) noexcept {
  return model->mlp ? model->as_mlp()->layers.back().out_features : model->as_packed()->layers.back().out_features;
}

sprat_dtype sprat_model_dtype(const sprat_model* model) noexcept {
  return model->mlp ? model->as_mlp()->dtype : SPRAT_FLOAT32;
}

const char* sprat_model_config(const sprat_model* model) noexcept { return model->config.c_str(); }

const char* sprat_model_loss(const sprat_model* model) noexcept {
  return model->head().loss.empty() ? nullptr : model->head().loss.c_str();
}

int64_t sprat_model_num_classes(const sprat_model* model) noexcept {
  return static_cast<int64_t>(model->head().classes.size());
}

const char* sprat_model_class_name(const sprat_model* model, int64_t index) noexcept {
  if (index < 0 || index >= sprat_model_num_classes(model)) return nullptr;
  return model->head().classes[static_cast<size_t>(index)].c_str();
}

const sprat_mlp* sprat_model_mlp(const sprat_model* model) noexcept { return model->mlp; }

void* sprat_model_params(sprat_model* model) noexcept {
  return model->mlp ? std::get<io::MlpFile>(model->file).params.data() : nullptr;
}

const uint8_t* sprat_model_mask(const sprat_model* model) noexcept {
  return model->mlp ? model->as_mlp()->mask.data() : nullptr;
}

const uint8_t* sprat_model_frozen(const sprat_model* model) noexcept {
  return model->mlp ? model->as_mlp()->frozen.data() : nullptr;
}

const sprat_fake_quant* const* sprat_model_input_quant(const sprat_model* model) noexcept {
  return model->mlp && !model->as_mlp()->input_quant.empty() ? model->as_mlp()->input_quant.data() : nullptr;
}

sprat_status sprat_predictor_create_model(const sprat_model* model, sprat_predictor** predictor) noexcept {
  SPRAT_REQUIRE(model, "model must not be NULL");
  if (const io::PackedFile* packed = model->as_packed()) {
    return sprat_predictor_create_packed(packed->layers.data(), static_cast<int64_t>(packed->layers.size()), predictor);
  }
  SPRAT_REQUIRE(model->as_mlp()->input_quant.empty(),
                "predictor: the model is under quantization-aware training; quantize it first");
  return sprat_predictor_create_mlp(model->mlp, model->as_mlp()->params.data(), predictor);
}
