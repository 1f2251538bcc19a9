// One contiguous block of bytes that is filled once and then only read.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace lambda::io {

// Not a std::string or std::vector: both would write zeros over tens of megabytes that the read
// overwrites at once.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::size_t size)
      : storage_(std::make_unique_for_overwrite<char[]>(size)), size_(size) {}

  [[nodiscard]] char* data() noexcept { return storage_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::string_view view() const noexcept { return {storage_.get(), size_}; }

 private:
  std::unique_ptr<char[]> storage_;
  std::size_t size_ = 0;
};

}  // namespace lambda::io
