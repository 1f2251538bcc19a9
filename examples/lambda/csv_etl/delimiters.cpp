#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "csv_etl/delimiters.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file again for each target.
#include <hwy/highway.h>

#include <array>
#include <bit>

#include "csv_etl/decimal.hpp"
#include "csv_etl/delimiters.hpp"
#include "csv_etl/quotes.hpp"

HWY_BEFORE_NAMESPACE();
namespace lambda::csv_etl {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using BlockTag = hn::CappedTag<std::uint8_t, block_bytes>;
using NameTag = hn::CappedTag<std::uint8_t, ShortNames::max_bytes>;

Delimiters FindDelimiters(const char* text, std::size_t size, std::uint32_t* positions) {
  const BlockTag tag;
  const std::size_t lanes = hn::Lanes(tag);
  const auto comma = hn::Set(tag, ',');
  const auto newline = hn::Set(tag, '\n');
  const auto quote_mark = hn::Set(tag, static_cast<std::uint8_t>(quote));
  auto seen = hn::Zero(tag);

  std::uint32_t* out = positions;
  for (std::size_t block = 0; block < size; block += block_bytes) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < block_bytes; i += lanes) {
      const auto bytes =
          hn::LoadU(tag, reinterpret_cast<const std::uint8_t*>(text + block + i));
      seen = hn::Or(seen, bytes);
      const auto found = hn::Or(hn::Or(hn::Eq(bytes, comma), hn::Eq(bytes, newline)),
                                hn::Eq(bytes, quote_mark));
      std::uint64_t part = 0;
      hn::StoreMaskBits(tag, found, reinterpret_cast<std::uint8_t*>(&part));
      bits |= part << i;
    }
    // Eight at a time, wanted or not: a loop to the exact count would end at a different turn in
    // each block, and each time cost more than the stores that it spares.
    auto* const end = out + std::popcount(bits);
    const auto base = static_cast<std::uint32_t>(block);
    do {
      for (int i = 0; i < 8; ++i) {
        *out++ = base + static_cast<std::uint32_t>(std::countr_zero(bits));
        bits &= bits - 1;
      }
    } while (out < end);
    out = end;
  }
  while (out != positions && out[-1] >= size) --out;
  const auto high_bits = hn::Set(tag, std::uint8_t{0x80});
  const bool non_ascii = !hn::AllTrue(tag, hn::Eq(hn::And(seen, high_bits), hn::Zero(tag)));
  return {static_cast<std::size_t>(out - positions), non_ascii};
}

// Whether the number's name is the one at `begin`. The bytes of the text behind the name are taken
// out by a window over 32 times 0xFF and 32 times 0.
bool IsName(const ShortNames& names, std::uint8_t number, const char* begin, std::size_t size) {
  alignas(64) static constexpr std::array<std::uint8_t, 64> window = [] {
    std::array<std::uint8_t, 64> bytes{};
    for (std::size_t i = 0; i < 32; ++i) bytes[i] = 0xFF;
    return bytes;
  }();
  const NameTag tag;
  const auto length = names.length(number);
  const auto* const wanted = reinterpret_cast<const std::uint8_t*>(names.bytes(number));
  const auto* const mask = window.data() + ShortNames::max_bytes - length;
  const auto* const found = reinterpret_cast<const std::uint8_t*>(begin);
  auto difference = hn::Zero(tag);
  for (std::size_t i = 0; i < ShortNames::max_bytes; i += hn::Lanes(tag)) {
    const auto bytes = hn::And(hn::LoadU(tag, found + i), hn::LoadU(tag, mask + i));
    difference = hn::Or(difference, hn::Xor(bytes, hn::Load(tag, wanted + i)));
  }
  return hn::AllTrue(tag, hn::Eq(difference, hn::Zero(tag))) & (length == size);
}

std::size_t AddPlainRows(const DelimitedRows& rows, const Header& header,
                         const ShortNames& hospitals, const ShortNames& diagnoses,
                         const ShortNames& treatments, DenseCells& cells) {
  const char* const text = rows.text;
  const std::size_t width = header.field_count;
  const std::size_t last = width - 1;
  const std::uint32_t* ends = rows.delimiters;
  const std::size_t count = rows.count / width;
  for (std::size_t row = 0; row < count; ++row, ends += width) {
    // All questions of a row are asked, and their answers looked at once: each branch that depends
    // on a name's length or value would be a coin toss to the processor.
    const std::size_t newline = ends[last];
    auto odd = static_cast<unsigned>(text[newline] ^ '\n');
    for (std::size_t i = 0; i < last; ++i) odd |= static_cast<unsigned>(text[ends[i]] ^ ',');
    const std::size_t carriage_return = text[newline - 1] == '\r' ? 1 : 0;

    const auto begin_of = [&](std::size_t column) {
      return text + static_cast<std::uint32_t>(*(ends + column - 1) + 1);
    };
    const auto end_of = [&](std::size_t column) {
      return text + ends[column] - (column == last ? carriage_return : 0);
    };
    bool plain = odd == 0;
    const auto number_of = [&](const ShortNames& names, std::size_t column) {
      const char* const begin = begin_of(column);
      const auto size = static_cast<std::size_t>(end_of(column) - begin);
      const auto number = names.candidate(begin, size);
      plain &= IsName(names, number, begin, size);
      return number;
    };
    const auto hospital = number_of(hospitals, header.hospital);
    const auto diagnosis = number_of(diagnoses, header.diagnosis);
    const auto treatment = number_of(treatments, header.treatment);

    std::int64_t micros = 0;
    const char* const time_end = end_of(header.recovery_time);
    plain &= parse_short_decimal(
        time_end, static_cast<std::size_t>(time_end - begin_of(header.recovery_time)), micros);
    const auto line = cells.line(diagnosis, hospital);
    const bool known = line != 0 && treatment != 0 && treatment < cells.width();
    if (!(plain & known)) return row;
    const auto begin = static_cast<std::uint32_t>(ends[-1] + 1);
    cells.at(line, treatment).add(micros, rows.offset + begin);
  }
  return count;
}

}  // namespace HWY_NAMESPACE
}  // namespace lambda::csv_etl
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lambda::csv_etl {

HWY_EXPORT(FindDelimiters);
HWY_EXPORT(AddPlainRows);

Delimiters find_delimiters(const char* text, std::size_t size, std::uint32_t* positions) {
  return HWY_DYNAMIC_DISPATCH(FindDelimiters)(text, size, positions);
}

std::size_t add_plain_rows(const DelimitedRows& rows, const Header& header,
                           const ShortNames& hospitals, const ShortNames& diagnoses,
                           const ShortNames& treatments, DenseCells& cells) {
  return HWY_DYNAMIC_DISPATCH(AddPlainRows)(rows, header, hospitals, diagnoses, treatments, cells);
}

}  // namespace lambda::csv_etl
#endif
