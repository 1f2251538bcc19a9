// One contiguous block of bytes that is filled once and then only read.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>

namespace lambda::io {

// Not a std::string or std::vector: both would write zeros over tens of megabytes that the read
// overwrites at once.
//
// Large blocks ask for huge pages. Most of the time that 48 MB take to arrive from the page cache
// is spent on the first touch of 12,000 small pages: 23 ms of CPU time, against 12 with huge ones.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::size_t size) : storage_(allocate(size)), size_(size) {}

  [[nodiscard]] char* data() noexcept { return storage_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::string_view view() const noexcept { return {storage_.get(), size_}; }

 private:
  struct Free {
    void operator()(char* bytes) const noexcept { std::free(bytes); }
  };

  static char* allocate(std::size_t size) {
    constexpr std::size_t huge_page = std::size_t{2} << 20;
    const bool is_large = size >= 2 * huge_page && size <= ~std::size_t{0} - huge_page;
    const auto whole = (size + huge_page - 1) / huge_page * huge_page;
    void* const bytes = is_large ? std::aligned_alloc(huge_page, whole) : std::malloc(size);
    if (bytes == nullptr && size != 0) throw std::bad_alloc{};
    // A wish: where it isn't granted, all is as it was.
    if (is_large) static_cast<void>(::madvise(bytes, whole, MADV_HUGEPAGE));
    return static_cast<char*>(bytes);
  }

  std::unique_ptr<char, Free> storage_;
  std::size_t size_ = 0;
};

}  // namespace lambda::io
