#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace millrace::detail {

// The only owner of what was made with `new`; T[] for arrays. A std::unique_ptr in what is no
// template costs each file that includes Millrace some hundredths of a second, see
// docs/decisions/0024-core-and-engine.md.
template <class T>
class owned {
  using element = std::remove_extent_t<T>;

 public:
  owned() = default;
  explicit owned(element* made) noexcept : made_(made) {}
  owned(owned&& other) noexcept : made_(other.release()) {}
  owned& operator=(owned&& other) noexcept {
    const owned before(std::exchange(made_, other.release()));
    return *this;
  }
  ~owned() {
    if constexpr (std::is_array_v<T>) {
      delete[] made_;
    } else {
      delete made_;
    }
  }

  [[nodiscard]] element* get() const noexcept { return made_; }
  [[nodiscard]] element& operator*() const noexcept { return *made_; }
  [[nodiscard]] element* operator->() const noexcept { return made_; }
  [[nodiscard]] element& operator[](std::size_t at) const noexcept { return made_[at]; }
  [[nodiscard]] explicit operator bool() const noexcept { return made_ != nullptr; }

  [[nodiscard]] element* release() noexcept { return std::exchange(made_, nullptr); }

 private:
  element* made_ = nullptr;
};

}  // namespace millrace::detail
