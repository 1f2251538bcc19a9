/// The medical records of the example: the same bytes for the same seed on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lambda::data {

/// SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014;
/// constants from Vigna's public domain splitmix64.c. Our own instead of the standard library's
/// distributions, whose results differ between implementations.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, bound), without bias: Lemire, "Fast Random Integer Generation in an
  /// Interval", ACM TOMACS 29(1), 2019.
  std::uint32_t below(std::uint32_t bound) noexcept {
    const auto draw = [&] { return (next() >> 32) * bound; };
    std::uint64_t product = draw();
    if (static_cast<std::uint32_t>(product) < bound) {
      const std::uint32_t threshold = -bound % bound;
      while (static_cast<std::uint32_t>(product) < threshold) product = draw();
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

 private:
  std::uint64_t state_;
};

inline constexpr std::string_view medical_records_header =
    "Hospital,Diagnosis,Treatment,Recovery Time\n";

/// 20 hospitals x 20 diagnoses x 15 treatments and a recovery time of 5 to 60 days, each drawn
/// uniformly; about 48 bytes a row.
class MedicalRecords {
 public:
  explicit MedicalRecords(std::uint64_t seed) noexcept : random_(seed) {}

  void append_row(std::string& csv);

 private:
  SplitMix64 random_;
};

}  // namespace lambda::data
