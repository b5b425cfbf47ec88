/* The kernels of sprat on CUDA devices, behind the structs of sprat.h.
 *
 *  - Arrays of structs are host memory; every array they point to is memory of the current device.
 *  - A call is put on `stream` (a cudaStream_t; NULL: the default stream) and returns at once, except where it gives a
 *    number to the host: it then waits for the stream.
 *  - The bits are those of the function of the same name in sprat.h.
 *  - A refused call changes nothing; sprat_cuda_last_error() then holds one line for the calling thread. What a device
 *    finds out later (memory that is not its own) shows at the next call that waits.
 */
#ifndef SPRAT_CUDA_H
#define SPRAT_CUDA_H

#include "sprat/sprat.h"

#ifdef __cplusplus
extern "C" {
#endif

SPRAT_API const char* sprat_cuda_last_error(void) SPRAT_NOEXCEPT;

/* ---- devices, memory, streams ------------------------------------------------------------------------------------ */

/* 1 if this module runs on the CPU (cpp/cuda/emulation), for tests. */
SPRAT_API int32_t sprat_cuda_is_emulated(void) SPRAT_NOEXCEPT;

/* SPRAT_UNSUPPORTED without a driver or without a device; count is then 0. */
SPRAT_API sprat_status sprat_cuda_device_count(int32_t* count) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_get_device(int32_t* device) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_set_device(int32_t device) SPRAT_NOEXCEPT;

typedef struct sprat_cuda_device {
  size_t size;
  char name[256];
  int32_t major, minor; /* compute capability */
  int32_t multiprocessors;
  int32_t clock_khz, memory_clock_khz, memory_bus_bits; /* 0 where unknown */
  int64_t l2_bytes, memory_bytes;
} sprat_cuda_device;
SPRAT_API sprat_status sprat_cuda_device_info(int32_t device, sprat_cuda_device* info) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_memory_info(int64_t* free_bytes, int64_t* total_bytes) SPRAT_NOEXCEPT;
/* The device that owns the memory at `pointer`; -1: host memory that no device can read. */
SPRAT_API sprat_status sprat_cuda_pointer_device(const void* pointer, int32_t* device) SPRAT_NOEXCEPT;

/* In the order of the stream. Memory is aligned to 256 bytes; 0 bytes give NULL. */
SPRAT_API sprat_status sprat_cuda_malloc(int64_t bytes, void** memory, void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_free(void* memory, void* stream) SPRAT_NOEXCEPT;
/* Between any two of host and device. To or from pageable host memory it returns when that may be used again. */
SPRAT_API sprat_status sprat_cuda_copy(void* to, const void* from, int64_t bytes, void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_fill(void* memory, uint8_t byte, int64_t bytes, void* stream) SPRAT_NOEXCEPT;

SPRAT_API sprat_status sprat_cuda_stream_create(void** stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_stream_destroy(void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_synchronize(void* stream) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_event_create(int32_t timing, void** event) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_event_destroy(void* event) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_event_record(void* event, void* stream) SPRAT_NOEXCEPT;
/* What is put on the stream from now on waits for the event. */
SPRAT_API sprat_status sprat_cuda_stream_wait(void* stream, void* event) SPRAT_NOEXCEPT;
/* Waits for `end`. */
SPRAT_API sprat_status sprat_cuda_elapsed(void* start, void* end, double* seconds) SPRAT_NOEXCEPT;

/* ---- optimizers -------------------------------------------------------------------------------------------------- */

/* As sprat_optimizer_find and sprat_optimizer_advance, for those who have this module alone. */
SPRAT_API int32_t sprat_cuda_optimizer_find(const char* name) SPRAT_NOEXCEPT;
SPRAT_API sprat_status sprat_cuda_optimizer_advance(int32_t optimizer, sprat_optimizer_params* params) SPRAT_NOEXCEPT;

/* See sprat_optimizer_step. Waits for the stream if grad_norm is not NULL or options->require_finite is set; without
 * them clipping by the norm happens on the device alone. */
SPRAT_API sprat_status sprat_cuda_optimizer_step(const sprat_optimizer_group* groups, int64_t num_groups,
                                                 const sprat_optimizer_options* options, double* grad_norm,
                                                 void* stream) SPRAT_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif
