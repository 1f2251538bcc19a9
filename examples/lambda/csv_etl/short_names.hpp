/// The first names of a column that are short enough for one comparison, found without a branch.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "csv_etl/interner.hpp"

namespace lambda::csv_etl {

/// Numbers the first names of up to 32 bytes from 1 on; 0 means "not here".
///
/// A lookup hashes the first eight bytes, the last eight and the length, takes the number from the
/// one slot that the hash names, and compares all 32 bytes. There is no second slot: a name whose
/// slot is taken keeps its number but is looked up elsewhere (Interner). With 20 names in 4096
/// slots that happens in 1 of 20 files, to one name.
class ShortNames {
 public:
  static constexpr std::size_t max_bytes = 32;
  static constexpr std::size_t max_names = 255;

  explicit ShortNames(std::size_t capacity) : capacity_(capacity) {}

  /// The number of a new name; 0 if it is too long or there are too many.
  [[nodiscard]] std::uint8_t add(std::string_view name) {
    if (name.empty() || name.size() > max_bytes || size_ == capacity_) return 0;
    ++size_;
    const auto number = static_cast<std::uint8_t>(size_);
    std::memcpy(names_[number].bytes.data(), name.data(), name.size());
    std::fill_n(names_[number].mask.begin(), name.size(), std::uint8_t{0xFF});
    lengths_[number] = static_cast<std::uint8_t>(name.size());
    std::array<char, 2 * sizeof(std::uint64_t)> around{};
    const auto outer = std::min(name.size(), sizeof(std::uint64_t));
    std::memcpy(around.data(), name.data(), outer);
    std::memcpy(around.data() + around.size() - outer, name.data() + name.size() - outer, outer);
    auto& slot = slots_[slot_of(load<std::uint64_t>(around.data()),
                                load<std::uint64_t>(around.data() + sizeof(std::uint64_t)),
                                name.size())];
    if (slot == 0) slot = number;
    return number;
  }

  /// The only number that the name of `size` bytes at `begin` can have; whether it has is for the
  /// caller to see. Reads 8 bytes from `begin` on and the 8 bytes up to the end of the name.
  [[nodiscard]] std::uint8_t candidate(const char* begin, std::size_t size) const noexcept {
    return slots_[slot_of(load<std::uint64_t>(begin), load<std::uint64_t>(begin + size - 8), size)];
  }

  /// 0xFF for each byte of the name, 0 behind it.
  struct alignas(2 * max_bytes) Name {
    std::array<std::uint8_t, max_bytes> bytes{};
    std::array<std::uint8_t, max_bytes> mask{};
  };

  [[nodiscard]] const Name& name(std::uint8_t number) const noexcept { return names_[number]; }

  /// Of number 0, which is nobody's, a length that no short name has.
  [[nodiscard]] std::size_t length(std::uint8_t number) const noexcept { return lengths_[number]; }

 private:
  static constexpr int slot_bits = 12;

  // What is in the words beside the name is shifted out of them.
  [[nodiscard]] static std::size_t slot_of(std::uint64_t first, std::uint64_t last,
                                           std::size_t size) noexcept {
    const auto beside = (0 - 8 * std::min<std::size_t>(size, 8)) & 63U;
    const auto word = (first << beside) ^ std::rotl(last >> beside, 29) ^ size;
    return static_cast<std::size_t>((word * 0x9E3779B97F4A7C15) >> (64 - slot_bits));
  }

  std::array<std::uint8_t, std::size_t{1} << slot_bits> slots_{};
  std::array<std::uint8_t, max_names + 1> lengths_{max_bytes + 1};
  std::array<Name, max_names + 1> names_{};
  std::size_t capacity_;
  std::size_t size_ = 0;
};

}  // namespace lambda::csv_etl
