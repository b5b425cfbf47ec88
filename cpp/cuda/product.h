// Products of a linear layer on the device, all arrays row-major:
//
//   kForward         y (rows, out) = x (rows, in) weight^T            k: inputs
//   kInputGradient   dx (rows, in) = dz (rows, out) weight            k: outputs
//   kWeightGradient  dw (out, in) = dz^T (rows, out) x (rows, in)     k: rows, in blocks of 512
//
// weight is (out, in). The order of sums is that of kernels/linear.h, and so are the bits.
#pragma once

#include <cstdint>

#include "sprat/sprat.h"

namespace sprat::cuda {

enum class ProductForm { kForward, kInputGradient, kWeightGradient };

template <class T>
struct Product {
  const T* a;  // x, dz, dz
  const T* b;  // weight, weight, x
  T* c;
  int64_t m, n, k;          // c is (m, n)
  const T* bias = nullptr;  // (n,), added to the sums
  bool relu = false;        // then max(0, .)
  const T* gate = nullptr;  // (m, n), what relu gave: sum * relu'(gate), without bias and relu
  T* parts = nullptr;       // room for product_parts(m, n, k) elements: kWeightGradient
};

// Room that a weight gradient needs so that its blocks of rows can be multiplied side by side; 0 where there are enough
// tiles without.
int64_t product_parts(int64_t m, int64_t n, int64_t k);

sprat_status multiply(ProductForm form, const Product<float>& product, void* stream);
sprat_status multiply(ProductForm form, const Product<double>& product, void* stream);

// db (columns,) = sums of the rows of dz (rows, columns), in 16 logical lanes within blocks of 512 rows.
sprat_status sum_rows(const float* dz, int64_t rows, int64_t columns, float* db, void* stream);
sprat_status sum_rows(const double* dz, int64_t rows, int64_t columns, double* db, void* stream);

}  // namespace sprat::cuda
