#include "cuda/reduce.h"

#include "api/optimizer_checks.h"
#include "api/optimizer_line.h"
#include "cuda/launch.h"
#include "cuda/scratch.h"
#include "kernels/optimizer.h"
#include "simd/vec.h"

SPRAT_ISA_BEGIN

// A piece of the line, as many as fit the arguments of a kernel.
struct LineTensor {
  const void* x;
  const uint8_t* mask;
  int64_t begin, end;  // on the line
  bool is_double;
};
struct LineTensors {
  static constexpr int kMost = 48;
  int count = 0;
  LineTensor at[kMost];
};

// Elements first, first + 16, ... of a tensor join the sum one after the other; loads run ahead of it.
template <class T>
__device__ double add_lane(double sum, const LineTensor& tensor, int64_t first, int64_t last) {
  constexpr int kAhead = 8;
  const T* x = static_cast<const T*>(tensor.x);
  int64_t i = first;
  for (; i + (kAhead - 1) * kReduceLanes < last; i += kAhead * kReduceLanes) {
    T values[kAhead];
    for (int k = 0; k < kAhead; ++k) {
      const int64_t at = i + k * kReduceLanes;
      values[k] = tensor.mask && !tensor.mask[at] ? T(0) : x[at];
    }
    for (int k = 0; k < kAhead; ++k) sum += static_cast<double>(values[k]) * static_cast<double>(values[k]);
  }
  for (; i < last; i += kReduceLanes) {
    const double value = static_cast<double>(tensor.mask && !tensor.mask[i] ? T(0) : x[i]);
    sum += value * value;
  }
  return sum;
}

// A thread for each lane of each block of the line, from first_block on. Lanes go on where the last launch left them.
__global__ void __launch_bounds__(cuda::kThreads)
    add_squares(LineTensors tensors, int64_t block, int64_t first_block, int64_t end_block, double* lanes) {
  const int64_t thread = int64_t{blockIdx.x} * cuda::kThreads + threadIdx.x;
  const int64_t b = first_block + thread / kReduceLanes;
  const int64_t lane = thread % kReduceLanes;
  if (b >= end_block) return;
  const int64_t begin = b * block, end = begin + block;
  double sum = lanes[b * kReduceLanes + lane];
  for (int t = 0; t < tensors.count; ++t) {
    const LineTensor& tensor = tensors.at[t];
    if (tensor.end <= begin || tensor.begin >= end) continue;
    const int64_t from = begin > tensor.begin ? begin : tensor.begin;
    const int64_t to = end < tensor.end ? end : tensor.end;
    // The first place of this lane; a block begins at lane 0.
    const int64_t place = from + ((lane - from) % kReduceLanes + kReduceLanes) % kReduceLanes;
    const int64_t first = place - tensor.begin, last = to - tensor.begin;
    sum = tensor.is_double ? add_lane<double>(sum, tensor, first, last) : add_lane<float>(sum, tensor, first, last);
  }
  lanes[b * kReduceLanes + lane] = sum;
}

// The end of api/line_sum.h: each block's lanes by a tree, then the blocks as a line of their own.
__global__ void __launch_bounds__(kMostBlocks)
    finish_norm(const double* lanes, int64_t blocks, double clip_norm, cuda::NormResult* result) {
  __shared__ double sums[kMostBlocks];
  __shared__ double totals[kReduceLanes];
  const int b = static_cast<int>(threadIdx.x);
  if (b < blocks) {
    double own[kReduceLanes];
    for (int lane = 0; lane < kReduceLanes; ++lane) own[lane] = lanes[b * kReduceLanes + lane];
    sums[b] = join_halves(own);
  }
  __syncthreads();
  if (b < kReduceLanes) {
    double total = 0;
    for (int64_t other = b; other < blocks; other += kReduceLanes) total += sums[other];
    totals[b] = total;
  }
  __syncthreads();
  if (b != 0) return;
  const double squares = join_halves(totals), norm = sqrt(squares);
  *result = {squares, norm, clip_norm > 0 ? clip_coefficient(clip_norm, norm) : 1.0};
}

template <class T>
__global__ void __launch_bounds__(cuda::kThreads)
    count_nonfinite(const T* x, const uint8_t* mask, int64_t n, unsigned long long* count) {
  unsigned long long found = 0;
  const int64_t stride = int64_t{gridDim.x} * cuda::kThreads;
  for (int64_t i = int64_t{blockIdx.x} * cuda::kThreads + threadIdx.x; i < n; i += stride) {
    const T value = x[i];
    found += value - value != T(0) && (!mask || mask[i]);  // 0 if finite, else NaN
  }
  for (int lanes = 16; lanes > 0; lanes /= 2) found += __shfl_xor_sync(0xffffffffu, found, lanes);
  if (threadIdx.x % 32 == 0 && found > 0) atomicAdd(count, found);
}

SPRAT_ISA_END

namespace sprat::cuda {
namespace {

class NormLine {
 public:
  NormLine(int64_t length, double* lanes, void* stream)
      : block_(line_block(length)), blocks_(blocks_for(length, block_)), lanes_(lanes), stream_(stream) {}

  int64_t blocks() const { return blocks_; }

  sprat_status add(const sprat_optimizer_tensor& tensor, sprat_dtype dtype) {
    if (tensors_.count == LineTensors::kMost) SPRAT_RETURN_IF_REFUSED(flush());
    tensors_.at[tensors_.count++] = {tensor.grad, tensor.mask, length_, length_ + tensor.length,
                                     dtype == SPRAT_FLOAT64};
    length_ += tensor.length;
    return SPRAT_OK;
  }

  sprat_status flush() {
    if (tensors_.count == 0) return SPRAT_OK;
    const int64_t first = tensors_.at[0].begin / block_, end = blocks_for(length_, block_);
    const auto grid = static_cast<unsigned>(blocks_for((end - first) * kReduceLanes, kThreads));
    const sprat_status status = launch(add_squares, grid, kThreads, stream_, tensors_, block_, first, end, lanes_);
    tensors_.count = 0;
    return status;
  }

 private:
  int64_t block_, blocks_;
  double* lanes_;
  void* stream_;
  LineTensors tensors_;
  int64_t length_ = 0;
};

}  // namespace

sprat_status gradient_norm(const sprat_optimizer_group* groups, int64_t num_groups, double clip_norm, double* lanes,
                           NormResult* result, void* stream) {
  int64_t length = 0;
  for (int64_t g = 0; g < num_groups; ++g) length += group_length(groups[g]);
  NormLine line(length, lanes, stream);
  SPRAT_RETURN_IF_REFUSED(sprat_cuda_fill(lanes, 0, line.blocks() * kReduceLanes * int64_t{sizeof(double)}, stream));
  for (int64_t g = 0; g < num_groups; ++g) {
    for (int64_t t = 0; t < groups[g].num_tensors; ++t) {
      const sprat_optimizer_tensor& tensor = groups[g].tensors[t];
      if (tensor.length > 0) SPRAT_RETURN_IF_REFUSED(line.add(tensor, groups[g].dtype));
    }
  }
  SPRAT_RETURN_IF_REFUSED(line.flush());
  return launch(finish_norm, 1, static_cast<unsigned>(kMostBlocks), stream, lanes, line.blocks(), clip_norm, result);
}

sprat_status add_nonfinite(sprat_dtype dtype, const void* x, const uint8_t* mask, int64_t n, unsigned long long* count,
                           void* stream) {
  constexpr int64_t kMostGrid = 2048;  // some for each multiprocessor; the rest is their loop
  const auto grid = static_cast<unsigned>(blocks_for(n, kThreads) < kMostGrid ? blocks_for(n, kThreads) : kMostGrid);
  if (dtype == SPRAT_FLOAT32) {
    return launch(count_nonfinite<float>, grid, kThreads, stream, static_cast<const float*>(x), mask, n, count);
  }
  return launch(count_nonfinite<double>, grid, kThreads, stream, static_cast<const double*>(x), mask, n, count);
}

}  // namespace sprat::cuda

sprat_status sprat_cuda_count_nonfinite(sprat_dtype dtype, const void* x, const uint8_t* mask, int64_t length,
                                        int64_t* count, void* stream) noexcept {
  using namespace sprat;
  SPRAT_RETURN_IF_REFUSED(check_count_nonfinite(dtype, x, length, count));
  cuda::Scratch scratch(stream);
  SPRAT_RETURN_IF_REFUSED(scratch.allocate(sizeof(unsigned long long)));
  auto* const total = scratch.as<unsigned long long>();
  SPRAT_RETURN_IF_REFUSED(sprat_cuda_fill(total, 0, sizeof *total, stream));
  SPRAT_RETURN_IF_REFUSED(cuda::add_nonfinite(dtype, x, mask, length, total, stream));
  unsigned long long found = 0;
  SPRAT_RETURN_IF_REFUSED(cuda::fetch(&found, total, stream));
  *count = static_cast<int64_t>(found);
  return SPRAT_OK;
}
