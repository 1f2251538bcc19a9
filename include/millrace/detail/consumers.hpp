#pragma once

#include <atomic>
#include <cstdint>

namespace millrace::detail {

// Who looks after a queue: workers after a pool's submissions, turns of a loop after a context's
// completions.
// Decides when another consumer has to be called in, such that no entry is ever left alone and no
// call is made for each entry. tests/model/handoff.pml is this protocol, model-checked.
//
// One word:
//   bits 0..15   inside: consumers that were called in and haven't left
//   bits 16..31  coming: of these, the ones that will still look at the queue before they do
//                anything else: called in but not there yet, or searching
//
// All operations are sequentially consistent: each rule below is "write here, then read there" on
// one side against the same with places swapped on the other, and one of the two must see the
// other's write.
class consumers {
 public:
  explicit consumers(std::uint32_t most) noexcept : most_(most) {}

  // Producer, after it made an empty queue non-empty; consumer, after it took an entry and left
  // others. True: the caller must call in a consumer, which counts as inside and coming.
  //
  // Nobody is needed if somebody is coming: that one will look later than now. Nor if all that may
  // be inside are: each looks again before it leaves.
  [[nodiscard]] bool want_another() noexcept {
    std::uint32_t seen = word_.load();
    while (coming(seen) == 0 && inside(seen) < most_) {
      if (word_.compare_exchange_weak(seen, seen + one_inside + one_coming)) return true;
    }
    return false;
  }

  // Who was called in on behalf of want_another() can't come. True if nobody else is inside: then
  // nobody looks after what producers left to it.
  [[nodiscard]] bool never_came() noexcept {
    return inside(word_.fetch_sub(one_inside + one_coming)) == 1;
  }

  // Consumer: from here on somebody else may have to be called. Before it looks at the queue.
  void arrived() noexcept { word_.fetch_sub(one_coming); }

  // Consumer that is inside: announces that it will look again.
  void coming_again() noexcept { word_.fetch_add(one_coming); }

  // The same, unless somebody else is coming already: then false.
  [[nodiscard]] bool come_again_alone() noexcept {
    std::uint32_t seen = word_.load();
    while (coming(seen) == 0) {
      if (word_.compare_exchange_weak(seen, seen + one_coming)) return true;
    }
    return false;
  }

  // Consumer that found nothing. Where `most` can be reached it must look once more afterwards, and
  // if there is something come back in with `come_back`: a producer may have called nobody because
  // of it.
  void left() noexcept { word_.fetch_sub(one_inside); }

  // True: inside again. False: others are enough.
  [[nodiscard]] bool come_back() noexcept {
    std::uint32_t seen = word_.load();
    while (coming(seen) == 0 && inside(seen) < most_) {
      if (word_.compare_exchange_weak(seen, seen + one_inside)) return true;
    }
    return false;
  }

  [[nodiscard]] std::uint32_t how_many_inside() const noexcept { return inside(word_.load()); }

  // Will somebody who is inside look for more before long, or is nobody free to come? Either way it
  // is no use to call one now.
  [[nodiscard]] bool will_look() const noexcept {
    const std::uint32_t seen = word_.load();
    return coming(seen) != 0 || inside(seen) == most_;
  }

 private:
  static constexpr std::uint32_t one_inside = 1;
  static constexpr std::uint32_t one_coming = 1u << 16;
  static constexpr std::uint32_t inside(std::uint32_t word) noexcept { return word & 0xffffu; }
  static constexpr std::uint32_t coming(std::uint32_t word) noexcept { return word >> 16; }

  std::atomic<std::uint32_t> word_{0};
  const std::uint32_t most_;
};

}  // namespace millrace::detail
