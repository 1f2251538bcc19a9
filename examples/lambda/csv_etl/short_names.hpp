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

/// Numbers the first names of up to 31 bytes from 1 on; 0 means "not here".
///
/// A lookup hashes the first eight bytes, the last eight and the length, takes the number from the
/// one slot that the hash names, and compares all bytes with the name's. There is no second slot: a
/// name whose slot is taken keeps its number but is looked up elsewhere (Interner). With 20 names
/// in 4096 slots that happens in 1 of 20 files, to one name.
class ShortNames {
 public:
  using Number = std::uint8_t;

  static constexpr std::size_t max_names = 255;
  static constexpr std::size_t compared_bytes = 32;

  /// The bytes of a name and of the delimiter behind it: with that it can't be the beginning of a
  /// longer one, so that the length needs no comparison of its own. `mask` is 0xFF for each of
  /// them, 0 behind.
  struct alignas(2 * compared_bytes) Name {
    std::array<std::uint8_t, compared_bytes> bytes{};
    std::array<std::uint8_t, compared_bytes> mask{};
  };

  /// `delimiter` is what ends the column's fields in the text.
  ShortNames(std::size_t capacity, char delimiter) : capacity_(capacity), delimiter_(delimiter) {
    // Nothing in a text is equal to number 0.
    names_[0].bytes.fill(static_cast<std::uint8_t>(delimiter));
    names_[0].mask.fill(0xFF);
  }

  /// The number of a new name; 0 if it is too long, if there are too many, or if it can't stand in
  /// a text without quotes.
  [[nodiscard]] Number add(std::string_view name) {
    if (size_ == capacity_ || name.empty() || name.size() >= compared_bytes ||
        name.find_first_of(",\"\r\n") != std::string_view::npos) {
      return 0;
    }
    const auto number = static_cast<Number>(++size_);
    auto& entry = names_[number];
    std::copy(name.begin(), name.end(), entry.bytes.begin());
    entry.bytes[name.size()] = static_cast<std::uint8_t>(delimiter_);
    std::fill_n(entry.mask.begin(), name.size() + 1, std::uint8_t{0xFF});

    std::array<char, 2 * word_bytes> around{};
    const auto outer = std::min(name.size(), word_bytes);
    std::memcpy(around.data(), name.data(), outer);
    std::memcpy(around.data() + around.size() - outer, name.data() + name.size() - outer, outer);
    auto& slot = slots_[slot_of(load<std::uint64_t>(around.data()),
                                load<std::uint64_t>(around.data() + word_bytes), name.size())];
    if (slot == 0) slot = number;
    return number;
  }

  /// The only number that the name of `size` bytes at `begin` can have; whether it has is for the
  /// caller to see. Reads 8 bytes from `begin` on and the 8 bytes up to the end of the name.
  [[nodiscard]] Number candidate(const char* begin, std::size_t size) const noexcept {
    return slots_[slot_of(load<std::uint64_t>(begin),
                          load<std::uint64_t>(begin + size - word_bytes), size)];
  }

  [[nodiscard]] const Name& name(Number number) const noexcept { return names_[number]; }

 private:
  static constexpr int slot_bits = 12;
  static constexpr std::size_t word_bytes = sizeof(std::uint64_t);

  // How many bits of a word lie beside a name of so many bytes. A table, because std::min becomes a
  // branch when the compiler likes.
  static constexpr auto bits_beside = [] {
    std::array<std::uint8_t, 64> bits{};
    for (std::size_t size = 1; size < word_bytes; ++size) {
      bits[size] = static_cast<std::uint8_t>(64 - 8 * size);
    }
    return bits;
  }();

  [[nodiscard]] static std::size_t slot_of(std::uint64_t first, std::uint64_t last,
                                           std::size_t size) noexcept {
    const auto beside = bits_beside[size % bits_beside.size()] & 63U;
    const auto word = (first << beside) ^ std::rotl(last >> beside, 29) ^ size;
    return static_cast<std::size_t>((word * 0x9E3779B97F4A7C15) >> (64 - slot_bits));
  }

  std::array<Number, std::size_t{1} << slot_bits> slots_{};
  std::array<Name, max_names + 1> names_{};
  std::size_t capacity_;
  std::size_t size_ = 0;
  char delimiter_;
};

}  // namespace lambda::csv_etl
