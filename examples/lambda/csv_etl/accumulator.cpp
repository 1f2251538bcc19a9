#include "csv_etl/accumulator.hpp"

#include <algorithm>
#include <span>

#include "csv_etl/aggregate.hpp"
#include "csv_etl/plain_rows.hpp"
#include "text/utf8.hpp"

namespace lambda::csv_etl {
namespace {

std::uint32_t intern(ColumnNames& names, const Field& field) {
  if (field.has_doubled_quotes) return names.intern_copy(unescape(field.raw));
  return names.intern(field.raw);
}

RowDefect to_defect(DecimalError error) {
  switch (error) {
    case DecimalError::none:
      return RowDefect::none;
    case DecimalError::not_a_number:
      return RowDefect::not_a_number;
    case DecimalError::too_many_decimals:
      return RowDefect::too_many_decimals;
    case DecimalError::out_of_range:
      return RowDefect::out_of_range;
  }
  return RowDefect::not_a_number;
}

}  // namespace

CellTotals& Accumulator::cell(std::uint32_t diagnosis, std::uint32_t hospital,
                              std::uint32_t treatment) {
  auto* const dense = dense_cells_.find_or_insert(
      diagnoses_.number(diagnosis), hospitals_.number(hospital), treatments_.number(treatment));
  if (dense != nullptr) return *dense;
  const auto next = static_cast<std::uint32_t>(hashed_cells_.size());
  const auto hash = mix(mix((std::uint64_t{diagnosis} << 32) | hospital) ^ treatment);
  const auto index = hashed_table_.find_or_insert(hash, next, [&](std::uint32_t candidate) {
    const Cell& cell = hashed_cells_[candidate];
    return cell.diagnosis == diagnosis && cell.hospital == hospital && cell.treatment == treatment;
  });
  if (index == next) hashed_cells_.push_back({diagnosis, hospital, treatment, {}});
  return hashed_cells_[index].totals;
}

std::vector<Cell> Accumulator::cells() const {
  auto cells = hashed_cells_;
  cells.reserve(cells.size() + dense_cells_.size());
  dense_cells_.for_each([&](auto diagnosis, auto hospital, auto treatment, const auto& totals) {
    cells.push_back(
        {diagnoses_.id(diagnosis), hospitals_.id(hospital), treatments_.id(treatment), totals});
  });
  return cells;
}

Accumulator::Accumulator(const Header& header)
    : header_(header),
      known_(std::make_unique<KnownNames>(header)),
      diagnoses_(known_->diagnoses),
      hospitals_(known_->hospitals),
      treatments_(known_->treatments) {}

void Accumulator::add_part(std::string_view text, std::size_t begin, std::size_t end) {
  RowScanner scanner{text, begin, end, header_.field_count, true};
  do {
    const auto plain =
        add_plain_rows(text, scanner.position(), end, header_, *known_, dense_cells_);
    rows_ += plain.count;
    scanner.seek(plain.end);
  } while (add_next_row(scanner));
  keep_first_samples();
}

bool Accumulator::add_next_row(RowScanner& scanner) {
  const Header& header = header_;
  Row row;
  if (!scanner.next(row)) return false;
  saw_quotes_ |= row.has_quotes;
  const std::span<const Field> fields = scanner.fields();
  if (row.has_stray_quote) {
    add_bad_row({row.offset, RowDefect::stray_quote, 0, row.text});
    return true;
  }
  if (row.field_count != header.field_count) {
    add_bad_row({row.offset, RowDefect::field_count, row.field_count, row.text});
    return true;
  }
  if (!text::is_valid_utf8(row.text)) {
    add_bad_row({row.offset, RowDefect::invalid_utf8, 0, row.text});
    return true;
  }
  const auto empty = [&](std::size_t field) { return fields[field].raw.empty(); };
  if (empty(header.hospital) || empty(header.diagnosis) || empty(header.treatment) ||
      empty(header.recovery_time)) {
    const auto needed = {header.hospital, header.diagnosis, header.treatment, header.recovery_time};
    const auto* const first = std::find_if(needed.begin(), needed.end(), empty);
    add_bad_row({row.offset, RowDefect::empty_field, *first, row.text});
    return true;
  }
  // A number has no quotes in it, so a field with doubled ones fails without being unescaped.
  const auto time_text = fields[header.recovery_time].raw;
  const auto time = parse_decimal(time_text);
  if (time.error != DecimalError::none) {
    add_bad_row({row.offset, to_defect(time.error), header.recovery_time, time_text});
    return true;
  }
  const auto diagnosis = intern(diagnoses_, fields[header.diagnosis]);
  const auto hospital = intern(hospitals_, fields[header.hospital]);
  const auto treatment = intern(treatments_, fields[header.treatment]);
  cell(diagnosis, hospital, treatment).add(time.micros, row.offset);
  ++rows_;
  return true;
}

void Accumulator::merge(const Accumulator& other) {
  const auto translate = [](ColumnNames& into, const ColumnNames& from) {
    std::vector<std::uint32_t> ids;
    ids.reserve(from.names().size());
    // Copies: `other` owns the names that had doubled quotes.
    for (const auto name : from.names()) ids.push_back(into.intern_copy(std::string{name}));
    return ids;
  };
  const auto diagnoses = translate(diagnoses_, other.diagnoses_);
  const auto hospitals = translate(hospitals_, other.hospitals_);
  const auto treatments = translate(treatments_, other.treatments_);
  for (const auto& from : other.cells()) {
    cell(diagnoses[from.diagnosis], hospitals[from.hospital], treatments[from.treatment])
        .add(from.totals);
  }
  rows_ += other.rows_;
  bad_rows_ += other.bad_rows_;
  saw_quotes_ |= other.saw_quotes_;
  bad_row_samples_.insert(bad_row_samples_.end(), other.bad_row_samples_.begin(),
                          other.bad_row_samples_.end());
  keep_first_samples();
}

void Accumulator::add_bad_row(const BadRowFound& bad_row) {
  ++bad_rows_;
  bad_row_samples_.push_back(bad_row);
  // A file of nothing but bad rows must not fill the memory with them.
  if (bad_row_samples_.size() >= 64 * max_bad_row_samples) keep_first_samples();
}

void Accumulator::keep_first_samples() {
  std::sort(bad_row_samples_.begin(), bad_row_samples_.end(),
            [](const auto& a, const auto& b) { return a.offset < b.offset; });
  if (bad_row_samples_.size() > max_bad_row_samples) bad_row_samples_.resize(max_bad_row_samples);
}

}  // namespace lambda::csv_etl
