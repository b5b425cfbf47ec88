// Where the bytes of a model come from: memory, or an open file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sprat::io {

// A file that cannot be opened or read; `number` is errno.
struct FileError {
  int number;
};

class Source {
 public:
  // The bytes must outlive it.
  Source(const void* bytes, size_t size) : bytes_(static_cast<const std::byte*>(bytes)), size_(size) {}
  // Throws FileError; what is no regular file is no model (FormatError).
  explicit Source(const char* path);
  ~Source();
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  uint64_t size() const { return size_; }
  // Throws FileError, or FormatError where the file has become shorter.
  void read(uint64_t begin, size_t size, void* to) const;

 private:
  const std::byte* bytes_ = nullptr;
  uint64_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace sprat::io
