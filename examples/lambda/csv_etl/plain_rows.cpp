#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "csv_etl/plain_rows.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h, which includes this file again for each target.
#include <hwy/highway.h>

#include <array>
#include <bit>

#include "csv_etl/decimal.hpp"
#include "csv_etl/plain_rows.hpp"
#include "csv_etl/quotes.hpp"
#include "text/utf8.hpp"

// What costs time here is not the work but the questions: where a field ends and which name it is
// are coin tosses to the processor, and a wrong guess costs as much as 50 instructions. So a row's
// questions are all asked, without a branch, and their answers looked at once.

HWY_BEFORE_NAMESPACE();
namespace lambda::csv_etl {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t block_bytes = 64;
// A row's last field may begin with the last byte of a block, and is looked at as a whole name.
constexpr std::size_t readable_bytes = block_bytes + ShortNames::compared_bytes;

using BlockTag = hn::CappedTag<std::uint8_t, block_bytes>;
using NameTag = hn::CappedTag<std::uint8_t, ShortNames::compared_bytes>;

// A bit for each of 64 bytes, the lowest for the first.
struct Block {
  std::uint64_t commas = 0;
  std::uint64_t newlines = 0;
  std::uint64_t quotes = 0;
  std::uint64_t non_ascii = 0;
};

HWY_INLINE Block LookAt(const char* text) {
  const BlockTag tag;
  const auto bits_of = [&](auto mask) {
    std::uint64_t bits = 0;
    hn::StoreMaskBits(tag, mask, reinterpret_cast<std::uint8_t*>(&bits));
    return bits;
  };
  Block block;
  for (std::size_t i = 0; i < block_bytes; i += hn::Lanes(tag)) {
    const auto bytes = hn::LoadU(tag, reinterpret_cast<const std::uint8_t*>(text + i));
    const auto find = [&](char wanted) {
      return bits_of(hn::Eq(bytes, hn::Set(tag, static_cast<std::uint8_t>(wanted)))) << i;
    };
    block.commas |= find(',');
    block.newlines |= find('\n');
    block.quotes |= find(quote);
    const auto high_bit = hn::Set(tag, std::uint8_t{0x80});
    block.non_ascii |= bits_of(hn::Eq(hn::And(bytes, high_bit), high_bit)) << i;
  }
  return block;
}

constexpr std::uint64_t WithoutLowest(std::uint64_t bits) {
  return bits & (bits - 1);
}

// The usual columns in the usual order, in a row that fits into a block. That it is valid UTF-8
// and has no quotes isn't asked: its names are equal to names of which both is known.
class UsualRow {
 public:
  static constexpr bool fits(const Header& header) {
    return header.field_count == 4 && header.hospital == hospital &&
           header.diagnosis == diagnosis && header.treatment == treatment;
  }
  explicit UsualRow(const Header&) {}

  static constexpr std::size_t hospital = 0;
  static constexpr std::size_t diagnosis = 1;
  static constexpr std::size_t treatment = 2;
  static constexpr std::size_t recovery_time = 3;

  // False if it isn't such a row; then nothing else may be asked.
  HWY_INLINE bool Split(std::string_view text, std::size_t begin) {
    const auto block = LookAt(text.data() + begin);
    const auto first = block.commas | block.newlines;
    const auto second = WithoutLowest(first);
    const auto third = WithoutLowest(second);
    const auto fourth = WithoutLowest(third);
    const auto behind = WithoutLowest(fourth);
    begin_ = text.data() + begin;
    ends_ = {At(first), At(second), At(third), At(fourth)};
    // Of the first four the last alone is no comma, and it is the first newline.
    const auto last = fourth ^ behind;
    return ((first ^ behind) & ~block.commas) == last && (last & block.newlines) != 0;
  }

  [[nodiscard]] const char* field_begin(std::size_t column) const {
    return column == 0 ? begin_ : begin_ + ends_[column - 1] + 1;
  }
  [[nodiscard]] const char* field_end(std::size_t column) const {
    const char* const end = begin_ + ends_[column];
    return column == recovery_time && end[-1] == '\r' ? end - 1 : end;
  }
  [[nodiscard]] std::size_t size() const { return ends_[3] + 1; }

 private:
  static std::size_t At(std::uint64_t bits) {
    return static_cast<std::size_t>(std::countr_zero(bits));
  }

  const char* begin_ = nullptr;
  std::array<std::size_t, 4> ends_{};
};

// Any columns, any length.
class AnyRow {
 public:
  static constexpr bool fits(const Header& header) { return header.field_count <= max_columns; }
  explicit AnyRow(const Header& header)
      : hospital(header.hospital),
        diagnosis(header.diagnosis),
        treatment(header.treatment),
        recovery_time(header.recovery_time),
        columns_(header.field_count) {}

  const std::size_t hospital;
  const std::size_t diagnosis;
  const std::size_t treatment;
  const std::size_t recovery_time;

  bool Split(std::string_view text, std::size_t begin) {
    begins_[0] = begin_ = text.data() + begin;
    bool non_ascii = false;
    std::size_t found = 0;
    for (auto at = begin; text.size() - at >= readable_bytes; at += block_bytes) {
      const auto block = LookAt(text.data() + at);
      const auto below_newline = block.newlines ^ (block.newlines - 1);
      if ((block.quotes & below_newline) != 0) return false;
      non_ascii |= (block.non_ascii & below_newline) != 0;
      const bool is_last = block.newlines != 0;
      for (auto bits = (block.commas | block.newlines) & below_newline; bits != 0;
           bits = WithoutLowest(bits)) {
        if (found == columns_) return false;
        begins_[++found] = text.data() + at + std::countr_zero(bits) + 1;
      }
      if (!is_last) continue;
      return found == columns_ && (!non_ascii || text::is_valid_utf8({begin_, size()}));
    }
    return false;
  }

  [[nodiscard]] const char* field_begin(std::size_t column) const { return begins_[column]; }
  [[nodiscard]] const char* field_end(std::size_t column) const {
    const char* const end = begins_[column + 1] - 1;
    return column + 1 == columns_ && end[-1] == '\r' ? end - 1 : end;
  }
  [[nodiscard]] std::size_t size() const {
    return static_cast<std::size_t>(begins_[columns_] - begin_);
  }

 private:
  static constexpr std::size_t max_columns = 64;

  std::size_t columns_;
  const char* begin_ = nullptr;
  std::array<const char*, max_columns + 1> begins_{};  // and one past the newline
};

// Zeros if the number's name is the one at `begin`.
HWY_INLINE hn::Vec<NameTag> Difference(const ShortNames& names, ShortNames::Number number,
                                       const char* begin) {
  const NameTag tag;
  const auto& wanted = names.name(number);
  const auto* const found = reinterpret_cast<const std::uint8_t*>(begin);
  auto difference = hn::Zero(tag);
  for (std::size_t i = 0; i < ShortNames::compared_bytes; i += hn::Lanes(tag)) {
    const auto bytes = hn::And(hn::LoadU(tag, found + i), hn::Load(tag, wanted.mask.data() + i));
    difference = hn::Or(difference, hn::Xor(bytes, hn::Load(tag, wanted.bytes.data() + i)));
  }
  return difference;
}

// Adds to `rows`.
template <class Row>
void AddRows(std::string_view text, std::size_t end, std::uint64_t max_rows, const Header& header,
             const KnownNames& names, const DenseCells::View cells, PlainRows& rows) {
  const NameTag tag;
  Row row{header};
  end = std::min(end, text.size() - std::min(text.size(), readable_bytes - 1));
  std::size_t at = rows.end;
  std::uint64_t count = 0;
  while (at < end && count < max_rows) {
    if (!row.Split(text, at)) break;
    auto difference = hn::Zero(tag);
    const auto number_of = [&](const ShortNames& known, std::size_t column) {
      const char* const begin = row.field_begin(column);
      const auto size = static_cast<std::size_t>(row.field_end(column) - begin);
      const auto number = known.candidate(begin, size);
      difference = hn::Or(difference, Difference(known, number, begin));
      return number;
    };
    const auto hospital = number_of(names.hospitals, row.hospital);
    const auto diagnosis = number_of(names.diagnoses, row.diagnosis);
    const auto line = cells.line(diagnosis, hospital);
    const auto treatment = number_of(names.treatments, row.treatment);
    if (!hn::AllTrue(tag, hn::Eq(difference, hn::Zero(tag))) || line == 0) break;

    std::int64_t micros = 0;
    const char* const time_end = row.field_end(row.recovery_time);
    const auto time_size = static_cast<std::size_t>(time_end - row.field_begin(row.recovery_time));
    if (!parse_short_decimal(time_end, time_size, micros)) break;
    cells.at(line, treatment).add(micros, at);
    at += row.size();
    ++count;
  }
  rows.end = at;
  rows.count += count;
}

PlainRows AddPlainRows(std::string_view text, std::size_t begin, std::size_t end,
                       const Header& header, const KnownNames& names, DenseCells& cells) {
  constexpr auto all = ~std::uint64_t{0};
  PlainRows rows{begin, 0};
  if (!AnyRow::fits(header)) return rows;
  if (!UsualRow::fits(header)) {
    AddRows<AnyRow>(text, end, all, header, names, cells.view(), rows);
    return rows;
  }
  for (;;) {
    AddRows<UsualRow>(text, end, all, header, names, cells.view(), rows);
    // It may just be a long row.
    const auto known = rows.count;
    AddRows<AnyRow>(text, end, 1, header, names, cells.view(), rows);
    if (rows.count == known) return rows;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace lambda::csv_etl
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lambda::csv_etl {

HWY_EXPORT(AddPlainRows);

PlainRows add_plain_rows(std::string_view text, std::size_t begin, std::size_t end,
                         const Header& header, const KnownNames& names, DenseCells& cells) {
  return HWY_DYNAMIC_DISPATCH(AddPlainRows)(text, begin, end, header, names, cells);
}

}  // namespace lambda::csv_etl
#endif
