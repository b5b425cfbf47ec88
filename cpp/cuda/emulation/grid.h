// Runs a kernel's grid on the CPU, block after block. The threads of a block are fibers that take turns where they
// synchronize; with SPRAT_EMULATED_THREADS they are threads of the operating system, so that ThreadSanitizer sees them.
//
// SPRAT_CUDA_ORDER in the environment is the order of blocks, and of threads between two barriers: forward (default),
// reverse, shuffle:SEED. A kernel whose result depends on it has a race.
#pragma once

#include "emulation/vector_types.h"

namespace sprat::emulation {

constexpr unsigned kWarp = 32;
constexpr unsigned kMostThreads = 1024;

// Where the running thread stands. Only one launch runs at a time, so that fibers need no thread_local, which is slow.
struct Place {
  dim3 thread, block, block_size, grid_size;
  unsigned flat_thread;  // of its block
};
#if defined(SPRAT_EMULATED_THREADS)
extern thread_local Place place;
#else
extern Place place;
#endif

// kernel(arguments) for every thread of the grid.
void run_grid(dim3 grid, dim3 block, void (*kernel)(const void* arguments), const void* arguments);

void sync_block();
// Until every lane of the mask that still runs has come here.
void sync_warp(unsigned mask);
// Each lane gives a value and, once all have, gets the one that `lane` of its warp gave.
unsigned long long exchange(unsigned mask, unsigned long long value, unsigned lane);
unsigned ballot(unsigned mask, bool value);

}  // namespace sprat::emulation
