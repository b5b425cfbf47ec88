// What a training pass keeps between forward and backward.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "api/mlp_forward.h"
#include "core/align.h"

namespace sprat {

// Panels of out_features, `input` and x of in_features. Where two are the same array the value before is not needed.
struct LayerTrace {
  const void* x = nullptr;  // what the layer read, before fake quantization
  LayerMemory memory = {};
  void* grad = nullptr;  // gradient with respect to dropped, y and at last z
  const void* input() const { return memory.input ? memory.input : x; }
};

}  // namespace sprat

struct sprat_workspace {
  // Memory for `rows` rows, kept if it is enough already. False: there is none.
  bool prepare(const sprat_mlp& mlp, const sprat::KernelTable& kernels, const void* x, int64_t rows,
               const sprat_mlp_options* options);

  // Only one call may work on it.
  bool try_lock() { return !busy_.test_and_set(std::memory_order_acquire); }
  void unlock() { busy_.clear(std::memory_order_release); }

  uint64_t mlp_id = 0;  // of the network whose forward pass it holds; 0: none
  int64_t rows = 0;
  const void* x = nullptr;                      // the batch, row-major, as the caller has it
  void* panels = nullptr;                       // the same in panels
  void* output = nullptr;                       // of the last layer, row-major
  void* output_grad = nullptr;                  // the same
  const sprat::KernelTable* kernels = nullptr;  // of the forward pass: they decide the width of a panel
  std::vector<sprat::LayerTrace> layers;
  sprat_mlp_options options = {};  // of the forward pass; input_quant points to quants

 private:
  sprat::AlignedBuffer<std::byte> memory_;
  std::vector<sprat_fake_quant> quants_;
  std::vector<const sprat_fake_quant*> quant_pointers_;
  std::atomic_flag busy_;
};

namespace sprat {

class WorkspaceLock {
 public:
  explicit WorkspaceLock(sprat_workspace& workspace) : workspace_(workspace), locked_(workspace.try_lock()) {}
  ~WorkspaceLock() {
    if (locked_) workspace_.unlock();
  }
  WorkspaceLock(const WorkspaceLock&) = delete;
  WorkspaceLock& operator=(const WorkspaceLock&) = delete;
  explicit operator bool() const { return locked_; }

 private:
  sprat_workspace& workspace_;
  bool locked_;
};

}  // namespace sprat
