/// Small integers for strings: a row's three names become three ids, and everything after that
/// compares and hashes integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace lambda::csv_etl {

/// Multiply-and-fold; the constant is 2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4).
[[nodiscard]] inline std::uint64_t mix(std::uint64_t value) noexcept {
  value *= 0x9E3779B97F4A7C15;
  return value ^ (value >> 32);
}

template <class Word>
[[nodiscard]] inline std::uint64_t load(const char* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Both of these read the last word so that it may overlap the one before it: cheaper than a loop
// over what is left, and no byte is missed.

[[nodiscard]] inline std::uint64_t hash_bytes(std::string_view bytes) noexcept {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  std::uint64_t hash = bytes.size();
  if (bytes.size() >= 8) {
    for (; end - at > 8; at += 8) hash = mix(hash ^ load<std::uint64_t>(at));
    return mix(hash ^ load<std::uint64_t>(end - 8));
  }
  if (bytes.size() >= 4) {
    return mix(hash ^ (load<std::uint32_t>(at) << 32 | load<std::uint32_t>(end - 4)));
  }
  for (; at < end; ++at) hash = hash << 8 | static_cast<unsigned char>(*at);
  return mix(hash);
}

/// What memcmp does, without the call: most names are two or three words long.
[[nodiscard]] inline bool equal_bytes(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  const char* left = a.data();
  const char* right = b.data();
  const char* const end = left + a.size();
  if (a.size() < 8) return std::memcmp(left, right, a.size()) == 0;
  for (; end - left > 8; left += 8, right += 8) {
    if (load<std::uint64_t>(left) != load<std::uint64_t>(right)) return false;
  }
  return load<std::uint64_t>(end - 8) == load<std::uint64_t>(b.data() + b.size() - 8);
}

/// An open-addressed table from 64-bit hashes to dense indices. What an index stands for, and
/// when two are equal, is the owner's business.
class IndexTable {
 public:
  /// The index for which `equal(index)` holds, or `next` after it was put in.
  template <class Equal>
  [[nodiscard]] std::uint32_t find_or_insert(std::uint64_t hash, std::uint32_t next,
                                             Equal&& equal) {
    if (next >= slots_.size() / 2) grow();
    const std::size_t mask = slots_.size() - 1;
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      Slot& slot = slots_[at];
      if (slot.index == vacant) {
        slot = {tag, next};
        hashes_.push_back(hash);
        return next;
      }
      // The tag spares nearly every comparison of unequal keys.
      if (slot.tag == tag && equal(slot.index)) return slot.index;
    }
  }

 private:
  static constexpr std::uint32_t vacant = 0xFFFFFFFF;
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t index = vacant;
  };

  void grow() {
    slots_.assign(slots_.empty() ? 64 : slots_.size() * 2, Slot{});
    const std::size_t mask = slots_.size() - 1;
    for (std::uint32_t index = 0; index < hashes_.size(); ++index) {
      std::size_t at = hashes_[index] & mask;
      while (slots_[at].index != vacant) at = (at + 1) & mask;
      slots_[at] = {static_cast<std::uint32_t>(hashes_[index] >> 32), index};
    }
  }

  std::vector<Slot> slots_;
  std::vector<std::uint64_t> hashes_;
};

/// Keeps views, not copies: the bytes must outlive it. Ids count up from 0.
class Interner {
 public:
  [[nodiscard]] std::uint32_t intern(std::string_view name) {
    const auto next = static_cast<std::uint32_t>(names_.size());
    const auto id = table_.find_or_insert(hash_bytes(name), next, [&](std::uint32_t index) {
      return equal_bytes(names_[index], name);
    });
    if (id == next) names_.push_back(name);
    return id;
  }

  /// For a name that is nowhere in the text as it is: copies it if it is new.
  [[nodiscard]] std::uint32_t intern_copy(std::string name) {
    const auto known = names_.size();
    const auto id = intern(name);
    // The view must point to the copy that stays, not to the argument.
    if (id == known) names_[id] = copies_.emplace_back(std::move(name));
    return id;
  }

  [[nodiscard]] const std::vector<std::string_view>& names() const noexcept { return names_; }

 private:
  IndexTable table_;
  std::vector<std::string_view> names_;
  std::deque<std::string> copies_;
};

}  // namespace lambda::csv_etl
