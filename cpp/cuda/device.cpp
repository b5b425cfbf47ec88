// Devices, their memory, streams and events.
#include <cstdio>

#include "cuda/memory_pool.h"
#include "cuda/status.h"

using namespace sprat;
using cuda::check;

namespace {
cudaStream_t as_stream(void* stream) { return static_cast<cudaStream_t>(stream); }
cudaEvent_t as_event(void* event) { return static_cast<cudaEvent_t>(event); }
}  // namespace

int32_t sprat_cuda_is_emulated(void) noexcept {
#if defined(SPRAT_CUDA_EMULATED)
  return 1;
#else
  return 0;
#endif
}

sprat_status sprat_cuda_device_count(int32_t* count) noexcept {
  SPRAT_REQUIRE(count, "count must not be NULL");
  int found = 0;
  const cudaError_t error = cudaGetDeviceCount(&found);
  *count = error == cudaSuccess ? found : 0;
  if (error == cudaSuccess && found == 0) return check(cudaErrorNoDevice, "device_count");
  return check(error, "device_count");
}

sprat_status sprat_cuda_get_device(int32_t* device) noexcept {
  SPRAT_REQUIRE(device, "device must not be NULL");
  int found = 0;
  SPRAT_RETURN_IF_REFUSED(check(cudaGetDevice(&found), "get_device"));
  *device = found;
  return SPRAT_OK;
}

sprat_status sprat_cuda_set_device(int32_t device) noexcept { return check(cudaSetDevice(device), "set_device"); }

sprat_status sprat_cuda_device_info(int32_t device, sprat_cuda_device* info) noexcept {
  SPRAT_REQUIRE(info && info->size == sizeof *info, "info.size: wanted %zu", sizeof *info);
  cudaDeviceProp properties;
  SPRAT_RETURN_IF_REFUSED(check(cudaGetDeviceProperties(&properties, device), "device_info"));
  std::snprintf(info->name, sizeof info->name, "%s", properties.name);
  info->major = properties.major;
  info->minor = properties.minor;
  info->memory_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  const auto attribute = [&](cudaDeviceAttr which) {
    int value = 0;
    if (cudaDeviceGetAttribute(&value, which, device) != cudaSuccess) cudaGetLastError();  // forgotten: see check()
    return value;
  };
  info->multiprocessors = attribute(cudaDevAttrMultiProcessorCount);
  info->clock_khz = attribute(cudaDevAttrClockRate);
  info->memory_clock_khz = attribute(cudaDevAttrMemoryClockRate);
  info->memory_bus_bits = attribute(cudaDevAttrGlobalMemoryBusWidth);
  info->l2_bytes = attribute(cudaDevAttrL2CacheSize);
  return SPRAT_OK;
}

sprat_status sprat_cuda_memory_info(int64_t* free_bytes, int64_t* total_bytes) noexcept {
  SPRAT_REQUIRE(free_bytes && total_bytes, "free_bytes and total_bytes must not be NULL");
  size_t free = 0, total = 0;
  SPRAT_RETURN_IF_REFUSED(check(cudaMemGetInfo(&free, &total), "memory_info"));
  *free_bytes = static_cast<int64_t>(free);
  *total_bytes = static_cast<int64_t>(total);
  return SPRAT_OK;
}

sprat_status sprat_cuda_pointer_device(const void* pointer, int32_t* device) noexcept {
  SPRAT_REQUIRE(device, "device must not be NULL");
  cudaPointerAttributes attributes{};
  SPRAT_RETURN_IF_REFUSED(check(cudaPointerGetAttributes(&attributes, pointer), "pointer_device"));
  *device = attributes.type == cudaMemoryTypeUnregistered ? -1 : attributes.device;
  return SPRAT_OK;
}

sprat_status sprat_cuda_malloc(int64_t bytes, void** memory, void* stream) noexcept {
  SPRAT_REQUIRE(bytes >= 0, "bytes: wanted at least 0, got %lld", shown(bytes));
  SPRAT_REQUIRE(memory, "memory must not be NULL");
  *memory = nullptr;
  if (bytes == 0) return SPRAT_OK;
  cudaMemPool_t pool = nullptr;
  SPRAT_RETURN_IF_REFUSED(check(cuda::memory_pool(&pool), "malloc"));
  return check(cudaMallocFromPoolAsync(memory, static_cast<size_t>(bytes), pool, as_stream(stream)), "malloc");
}

sprat_status sprat_cuda_free(void* memory, void* stream) noexcept {
  if (!memory) return SPRAT_OK;
  return check(cudaFreeAsync(memory, as_stream(stream)), "free");
}

sprat_status sprat_cuda_copy(void* to, const void* from, int64_t bytes, void* stream) noexcept {
  SPRAT_REQUIRE(bytes >= 0, "bytes: wanted at least 0, got %lld", shown(bytes));
  if (bytes == 0) return SPRAT_OK;
  SPRAT_REQUIRE(to && from, "to and from must not be NULL");
  return check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDefault, as_stream(stream)), "copy");
}

sprat_status sprat_cuda_fill(void* memory, uint8_t byte, int64_t bytes, void* stream) noexcept {
  SPRAT_REQUIRE(bytes >= 0, "bytes: wanted at least 0, got %lld", shown(bytes));
  if (bytes == 0) return SPRAT_OK;
  SPRAT_REQUIRE(memory, "memory must not be NULL");
  return check(cudaMemsetAsync(memory, byte, static_cast<size_t>(bytes), as_stream(stream)), "fill");
}

sprat_status sprat_cuda_stream_create(void** stream) noexcept {
  SPRAT_REQUIRE(stream, "stream must not be NULL");
  cudaStream_t made = nullptr;
  SPRAT_RETURN_IF_REFUSED(check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "stream_create"));
  *stream = made;
  return SPRAT_OK;
}
sprat_status sprat_cuda_stream_destroy(void* stream) noexcept {
  return stream ? check(cudaStreamDestroy(as_stream(stream)), "stream_destroy") : SPRAT_OK;
}
sprat_status sprat_cuda_synchronize(void* stream) noexcept {
  return check(cudaStreamSynchronize(as_stream(stream)), "synchronize");
}

sprat_status sprat_cuda_event_create(int32_t timing, void** event) noexcept {
  SPRAT_REQUIRE(event, "event must not be NULL");
  cudaEvent_t made = nullptr;
  const unsigned flags = timing ? 0 : cudaEventDisableTiming;
  SPRAT_RETURN_IF_REFUSED(check(cudaEventCreateWithFlags(&made, flags), "event_create"));
  *event = made;
  return SPRAT_OK;
}
sprat_status sprat_cuda_event_destroy(void* event) noexcept {
  return event ? check(cudaEventDestroy(as_event(event)), "event_destroy") : SPRAT_OK;
}
sprat_status sprat_cuda_event_record(void* event, void* stream) noexcept {
  SPRAT_REQUIRE(event, "event must not be NULL");
  return check(cudaEventRecord(as_event(event), as_stream(stream)), "event_record");
}
sprat_status sprat_cuda_stream_wait(void* stream, void* event) noexcept {
  SPRAT_REQUIRE(event, "event must not be NULL");
  return check(cudaStreamWaitEvent(as_stream(stream), as_event(event), 0), "stream_wait");
}
sprat_status sprat_cuda_elapsed(void* start, void* end, double* seconds) noexcept {
  SPRAT_REQUIRE(start && end && seconds, "start, end and seconds must not be NULL");
  float milliseconds = 0;
  SPRAT_RETURN_IF_REFUSED(check(cudaEventSynchronize(as_event(end)), "elapsed"));
  SPRAT_RETURN_IF_REFUSED(check(cudaEventElapsedTime(&milliseconds, as_event(start), as_event(end)), "elapsed"));
  *seconds = static_cast<double>(milliseconds) * 1e-3;
  return SPRAT_OK;
}
