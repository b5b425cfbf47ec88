#include "io/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/wrong.h"

namespace sprat::io {

Source::Source(const char* path) {
  // O_NONBLOCK: a named pipe must not make us wait for its writer.
  do descriptor_ = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0) throw FileError{errno};
  struct stat status;
  if (fstat(descriptor_, &status) != 0) {
    const int number = errno;
    close(descriptor_);
    throw FileError{number};
  }
  if (!S_ISREG(status.st_mode)) {
    close(descriptor_);
    wrong("%s, not a sprat file", S_ISDIR(status.st_mode) ? "a folder" : "not a regular file");
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

Source::~Source() {
  if (descriptor_ >= 0) close(descriptor_);
}

void Source::read(uint64_t begin, size_t size, void* to) const {
  if (descriptor_ < 0) {
    if (size > 0) std::memcpy(to, bytes_ + begin, size);
    return;
  }
  constexpr size_t kMost = size_t{1} << 30;  // what one call may read
  auto* at = static_cast<std::byte*>(to);
  while (size > 0) {
    const ssize_t count = pread(descriptor_, at, std::min(size, kMost), static_cast<off_t>(begin));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw FileError{errno};
    if (count == 0) wrong("the file ended while it was read");
    at += count;
    begin += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
}

}  // namespace sprat::io
