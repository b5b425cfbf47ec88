// A layer of a packed network: weights in a number format of their own, zeros left out or not.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>

#include "api/mlp.h"
#include "kernels/table.h"
#include "sprat/sprat.h"

namespace sprat {

// How the activations of some rows lie between two layers.
enum class Form {
  kRows,   // float, row-major
  kCodes,  // uint8, row-major, int8_row_stride(features) bytes from row to row and kCodesRoom behind the last; what
           // lies beyond the features is anything, and meets weights of 0
  kPanels  // float, in panels: kernels/batch.h
};

struct Activations {
  Form form;
  void* data;
  float* scales;         // kCodes of a dynamic input: of each row
  int32_t* zero_points;  // and these
};

// How float activations become codes: with these numbers, or (not static) each row by its own range.
struct InputCodes {
  bool is_static;
  float scale;
  int32_t zero_point;
};

// Knows the kernels of one instruction set, for which its weights are packed. Any number of threads may run it.
class PackedLayer {
 public:
  PackedLayer(const sprat_packed_layer& layer, const KernelTable& kernels)
      : kernels_(kernels),
        in_features_(layer.in_features),
        out_features_(layer.out_features),
        activation_(layer.activation) {}
  virtual ~PackedLayer() = default;

  int64_t in_features() const { return in_features_; }
  int64_t out_features() const { return out_features_; }

  // How it computes so many rows, in a few words.
  virtual const char* kernel(int64_t rows) const = 0;

  // The form it likes its input in best, and whether it can take one that is there already.
  virtual Form reads(int64_t rows) const = 0;
  virtual bool takes(Form form, int64_t rows) const { return form == reads(rows); }
  // Of a layer that can compute float panels as well as rows: multiply-adds of a row that fall on idle lanes without
  // them; -1 for others. Told to, it likes panels best.
  virtual int64_t idle_in_rows() const { return -1; }
  virtual void prefer_panels() {}
  // How its input becomes codes; not NULL where it reads them.
  virtual const InputCodes* codes() const { return nullptr; }

  // Told once, before the first run: how the next layer's input becomes codes; NULL if it does not. False: no memory.
  [[nodiscard]] virtual bool precede(const InputCodes* /*next*/) { return true; }
  // Whether it can leave its output, activation applied, in another form than float rows, which all can.
  virtual bool writes(Form /*out*/, Form /*in*/) const { return false; }

  // out = activation(in weight^T + bias); in is in a form that it takes, out float rows or a form that it writes. In
  // and out lie apart. False: there was no memory for what it needs between (core/scratch.h).
  [[nodiscard]] virtual bool run(const Activations& in, int64_t rows, const Activations& out) const = 0;

 protected:
  ActivationClass activation() const { return activation_class_; }
  // What a product bounds its results by from below, max(floor, .): the whole of relu and of the identity.
  float floor() const {
    return activation_class_ == ActivationClass::kRelu ? 0.0f : -std::numeric_limits<float>::infinity();
  }
  // y = activation(y) where the floor was not the whole of it.
  void finish(float* y, int64_t elements) const {
    if (activation_class_ != ActivationClass::kOther) return;
    kernels_.activation->list[activation_].forward[SPRAT_FLOAT32](y, y, elements);
  }

  const KernelTable& kernels_;

 private:
  int64_t in_features_, out_features_;
  int32_t activation_;
  ActivationClass activation_class_ = activation_class(activation_);
};

// Copies what it needs of a checked layer. NULL: there was no memory.
std::unique_ptr<PackedLayer> pack_layer(const sprat_packed_layer& layer, const KernelTable& kernels);

// One kind of layer each, for pack_layer alone; files of the same names.
std::unique_ptr<PackedLayer> pack_float_layer(const sprat_packed_layer& layer, const KernelTable& kernels);
std::unique_ptr<PackedLayer> pack_half_layer(const sprat_packed_layer& layer, const KernelTable& kernels);
std::unique_ptr<PackedLayer> pack_sparse_layer(const sprat_packed_layer& layer, const KernelTable& kernels);
std::unique_ptr<PackedLayer> pack_int8_layer(const sprat_packed_layer& layer, const KernelTable& kernels);
std::unique_ptr<PackedLayer> pack_int4_layer(const sprat_packed_layer& layer, const KernelTable& kernels);

}  // namespace sprat
