// Model files through the C ABI: cut, bent and hostile ones, for the sanitizers to watch. What is right and wrong about
// each is compared with Python in tests/native.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "check.h"
#include "sprat/sprat.h"

namespace {

[[maybe_unused]] long allocations_left = -1;  // -1: any number

// Whether there is memory for one more.
[[maybe_unused]] bool has_memory() {
  if (allocations_left > 0) --allocations_left;
  return allocations_left != 0;
}

}  // namespace

// Every way in which loading takes memory. The sanitizers bring their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SPRAT_LIMITS_ALLOCATIONS 1
extern "C" void* aligned_alloc(size_t alignment, size_t size) noexcept {
  void* memory = nullptr;
  return has_memory() && posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
}
// Not inlined: gcc would take what it sees for a new that does not match its delete.
[[gnu::noinline]] void* operator new(size_t size) {
  if (void* memory = has_memory() ? std::malloc(size) : nullptr) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
#endif

namespace {

using Bytes = std::vector<unsigned char>;

void put(Bytes& to, const void* from, size_t size) {
  const size_t begin = to.size();
  to.resize(begin + size);
  if (size > 0) std::memcpy(to.data() + begin, from, size);
}

// A text as a JSON string.
std::string json(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) (c == '"' || c == '\\' ? quoted += '\\' : quoted) += c;
  return quoted + '"';
}

Bytes file(const std::string& kind, const std::string& config, const std::string& tensors, const Bytes& data) {
  std::string head = R"({"__metadata__":{"sprat":"1","kind":)" + json(kind) + ",\"config\":" + json(config) + "}";
  head += tensors + "}";
  Bytes bytes;
  const uint64_t length = head.size();
  put(bytes, &length, sizeof length);
  put(bytes, head.data(), head.size());
  put(bytes, data.data(), data.size());
  return bytes;
}

// 3-2 with a mask, frozen bias and a range for its input.
Bytes mlp_file() {
  const float values[] = {1, 0, 3, -4, 5, 0, 0.5f, -0.5f};
  Bytes data;
  put(data, values, sizeof values);
  data.push_back(0b011101);
  return file("mlp",
              R"({"model":{"dtype":"float32","layers":[{"in_features":3,"out_features":2,"activation":"tanh",)"
              R"("bias":true,"dropout":0}]},"masks":["layers.0.weight"],"frozen":["layers.0.bias"],"loss":"mse",)"
              R"("class_names":["no","\u00fcber"],"encoder":null})",
              R"(,"layers.0.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})"
              R"(,"layers.0.bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32]})"
              R"(,"mask.layers.0.weight":{"dtype":"U8","shape":[1],"data_offsets":[32,33]})",
              data);
}

// 3-2 of int4 without its zeros, then 2-1 of int8.
Bytes packed_file() {
  const float scales[] = {0.5f, 0.25f, 2, 1};  // of the first layer, of the second, its bias
  Bytes data;
  put(data, scales, sizeof scales);
  const unsigned char rest[] = {0x31, 0x0f, 0b010110, 100, 0x80};  // codes 1, 3, -1; which they are; int8
  put(data, rest, sizeof rest);
  return file("packed_mlp",
              R"({"model":{"layers":[{"weights":"int4","in_features":3,"out_features":2,"activation":"relu",)"
              R"("group_size":32,"nonzeros":3,"bias":false,"input_scale":null,"input_zero_point":null},)"
              R"({"weights":"int8","in_features":2,"out_features":1,"activation":"identity","bias":true,)"
              R"("input_scale":0.1,"input_zero_point":7}]},"loss":null,"class_names":null,"encoder":null})",
              R"(,"layers.0.weight_scale":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]})"
              R"(,"layers.1.weight_scale":{"dtype":"F32","shape":[1],"data_offsets":[8,12]})"
              R"(,"layers.1.bias":{"dtype":"F32","shape":[1],"data_offsets":[12,16]})"
              R"(,"layers.0.weight":{"dtype":"U8","shape":[2],"data_offsets":[16,18]})"
              R"(,"layers.0.kept":{"dtype":"U8","shape":[1],"data_offsets":[18,19]})"
              R"(,"layers.1.weight":{"dtype":"I8","shape":[1,2],"data_offsets":[19,21]})",
              data);
}

// Loads bytes that lie alone on the heap, so that a sanitizer sees each one too far, and uses the model if there is
// one. The line of the refusal, or "".
std::string load(const Bytes& bytes) {
  const Bytes alone(bytes);
  sprat_model* model = nullptr;
  const sprat_status status = sprat_model_load_memory(alone.data(), alone.size(), &model);
  CHECK_EQ(status == SPRAT_OK, model != nullptr);
  if (status != SPRAT_OK) {
    CHECK(status == SPRAT_FORMAT_ERROR || status == SPRAT_UNSUPPORTED);
    return sprat_last_error();
  }
  sprat_predictor* predictor = nullptr;
  CHECK_EQ(sprat_predictor_create_model(model, &predictor), SPRAT_OK);
  sprat_model_destroy(model);
  const std::vector<float> x(static_cast<size_t>(2 * sprat_predictor_in_features(predictor)), 1.0f);
  std::vector<float> out(static_cast<size_t>(2 * sprat_predictor_out_features(predictor)));
  CHECK_EQ(sprat_predictor_run(predictor, x.data(), 2, out.data()), SPRAT_OK);
  sprat_predictor_destroy(predictor);
  return "";
}

void test_what_a_model_tells() {
  const Bytes bytes = mlp_file();
  sprat_model* model = nullptr;
  CHECK_EQ(sprat_model_load_memory(bytes.data(), bytes.size(), &model), SPRAT_OK);
  CHECK_EQ(std::string(sprat_model_kind(model)), "mlp");
  CHECK_EQ(std::string(sprat_model_loss(model)), "mse");
  CHECK_EQ(sprat_model_in_features(model), 3);
  CHECK_EQ(sprat_model_out_features(model), 2);
  CHECK_EQ(sprat_model_num_classes(model), 2);
  CHECK_EQ(std::string(sprat_model_class_name(model, 1)), "\u00fcber");
  CHECK(sprat_model_class_name(model, 2) == nullptr);
  CHECK_EQ(sprat_mlp_num_params(sprat_model_mlp(model)), 8);
  CHECK_EQ(sprat_mlp_layer(sprat_model_mlp(model), 0)->bias_offset, 6);
  CHECK(sprat_mlp_layer(sprat_model_mlp(model), 1) == nullptr);
  CHECK_EQ(static_cast<float*>(sprat_model_params(model))[3], -4.0f);
  CHECK_EQ(sprat_model_mask(model)[1], 0);
  CHECK_EQ(sprat_model_mask(model)[7], 1);
  CHECK_EQ(sprat_model_frozen(model)[1], 1);
  CHECK(sprat_model_input_quant(model) == nullptr);
  sprat_model_destroy(model);
  sprat_model_destroy(nullptr);
}

void test_cut_and_bent() {
  for (const Bytes& whole : {mlp_file(), packed_file()}) {
    CHECK_EQ(load(whole), "");
    for (size_t length = 0; length < whole.size(); ++length) {
      CHECK(!load(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))).empty());
    }
    uint64_t state = 1;  // Knuth's MMIX generator
    const auto random = [&state](uint64_t below) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return (state >> 33) % below;
    };
    for (int round = 0; round < 4000; ++round) {
      Bytes bent = whole;
      for (uint64_t i = 0; i <= random(4); ++i) {
        static constexpr char kMarks[] = "\"\\{}[],:0919.eE-+ntf\0 ";
        bent[random(bent.size())] = static_cast<unsigned char>(random(2) ? random(256) : kMarks[random(sizeof kMarks)]);
      }
      load(bent);
    }
  }
}

void test_hostile() {
  const auto refused = [](const std::string& config, const std::string& tensors = "") {
    const std::string line = load(file("mlp", config, tensors, {}));
    CHECK(!line.empty());
    return line;
  };
  CHECK_EQ(refused("{}"), "model: the configuration: the key 'model' is missing");
  CHECK_EQ(refused(std::string(100000, '[')),
           "model: the configuration is not valid JSON: it is nested deeper than 64 levels (byte 64)");
  CHECK_EQ(refused(R"({"a":1,"\u0061":2})"), "model: the configuration is not valid JSON: the key 'a' stands twice");
  refused(R"({"a":")" + std::string(1 << 20, 'x'));
  refused(R"({"a":-})");
  refused(R"({"a":"\ud800)");
  refused(R"({"a":"\ud800\u12)");
  refused("{\"model\":{\"dtype\":\"float32\",\"layers\":[" + std::string(200000, '{'));
  // Sizes that a file only claims cost nothing.
  const std::string layers =
      R"({"model":{"dtype":"float64","layers":[{"in_features":2147483647,"out_features":2147483647,)"
      R"("activation":"relu","bias":true,"dropout":0}]},"masks":["layers.0.weight"],"frozen":[],"loss":null,)"
      R"("class_names":null,"encoder":null})";
  CHECK_EQ(refused(layers), "model: tensor 'layers.0.weight' is missing");
  refused(layers, R"(,"layers.0.weight":{"dtype":"F64","shape":[2147483647,2147483647],"data_offsets":[0,0]})");
  refused(layers, R"(,"layers.0.weight":{"dtype":"F64","shape":[9223372036854775807,2],"data_offsets":[0,0]})");
  for (const uint64_t length : {UINT64_MAX, UINT64_MAX - 7, uint64_t{1} << 63, uint64_t{1} << 40, uint64_t{0}}) {
    Bytes bytes = mlp_file();
    std::memcpy(bytes.data(), &length, sizeof length);
    CHECK(!load(bytes).empty());
  }
}

// Whichever allocation finds no memory, the call is refused, and says so.
void test_without_memory() {
#ifdef SPRAT_LIMITS_ALLOCATIONS
  for (const Bytes& bytes : {mlp_file(), packed_file()}) {
    long count = 1;
    sprat_status status = SPRAT_OUT_OF_MEMORY;
    for (; count < 10000 && status != SPRAT_OK; ++count) {
      sprat_model* model = nullptr;
      sprat_predictor* predictor = nullptr;
      allocations_left = count;
      status = sprat_model_load_memory(bytes.data(), bytes.size(), &model);
      if (status == SPRAT_OK) status = sprat_predictor_create_model(model, &predictor);
      allocations_left = -1;
      CHECK(status == SPRAT_OK || status == SPRAT_OUT_OF_MEMORY);
      CHECK_EQ(status == SPRAT_OK, predictor != nullptr);
      sprat_predictor_destroy(predictor);
      sprat_model_destroy(model);
    }
    CHECK_EQ(status, SPRAT_OK);
    CHECK(count > 20);
  }
#endif
}

void test_arguments() {
  sprat_model* model = nullptr;
  sprat_predictor* predictor = nullptr;
  CHECK_EQ(sprat_model_load_file(nullptr, &model), SPRAT_INVALID_ARGUMENT);
  CHECK_EQ(sprat_model_load_file("x", nullptr), SPRAT_INVALID_ARGUMENT);
  CHECK_EQ(sprat_model_load_memory(nullptr, 1, &model), SPRAT_INVALID_ARGUMENT);
  CHECK_EQ(sprat_model_load_memory(nullptr, 0, &model), SPRAT_FORMAT_ERROR);
  CHECK_EQ(sprat_predictor_create_model(nullptr, &predictor), SPRAT_INVALID_ARGUMENT);
  CHECK_EQ(sprat_model_load_file("/nothing/there", &model), SPRAT_FILE_ERROR);
  CHECK_EQ(std::string(sprat_last_error()), "/nothing/there: No such file or directory");
  CHECK_EQ(sprat_model_load_file("/", &model), SPRAT_FORMAT_ERROR);
}

void test_files() {
  const char* path = "test_model_files.safetensors";
  const Bytes bytes = packed_file();
  std::FILE* out = std::fopen(path, "wb");
  CHECK(out && std::fwrite(bytes.data(), 1, bytes.size(), out) == bytes.size() && std::fclose(out) == 0);
  sprat_model* model = nullptr;
  CHECK_EQ(sprat_model_load_file(path, &model), SPRAT_OK);
  CHECK_EQ(std::string(sprat_model_kind(model)), "packed_mlp");
  CHECK(sprat_model_mlp(model) == nullptr && sprat_model_params(model) == nullptr);
  sprat_model_destroy(model);
  std::remove(path);
}

}  // namespace

int main() {
  test_what_a_model_tells();
  test_cut_and_bent();
  test_hostile();
  test_without_memory();
  test_arguments();
  test_files();
  return check::report();
}
