#include "csv_transform/part.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "csv_etl/row_scanner.hpp"
#include "csv_transform/number.hpp"
#include "csv_transform/statistics.hpp"
#include "text/utf8.hpp"

namespace lambda::csv_transform {
namespace {

// A RowScanner that keeps all fields of a row, however many they are.
class WholeRowScanner {
 public:
  WholeRowScanner(std::string_view text, std::size_t begin, std::size_t end, bool may_have_quotes)
      : text_(text), end_(end), may_have_quotes_(may_have_quotes) {
    start_at(begin, 64);
  }

  bool next(csv_etl::Row& row) {
    if (!scanner_->next(row)) return false;
    if (row.field_count <= kept_) return true;
    // It keeps the first ones only: once more, with room for them all.
    start_at(row.offset, std::max(row.field_count, 2 * kept_));
    return scanner_->next(row);
  }

  [[nodiscard]] std::span<const csv_etl::Field> fields() const { return scanner_->fields(); }

 private:
  void start_at(std::size_t at, std::size_t fields) {
    kept_ = fields;
    scanner_.emplace(text_, at, end_, kept_, may_have_quotes_);
  }

  std::string_view text_;
  std::size_t end_;
  bool may_have_quotes_;
  std::size_t kept_ = 0;
  std::optional<csv_etl::RowScanner> scanner_;
};

// `id` as it was between its quotes, doubled ones included, so only its own need enclosing.
void append_csv_id(std::string& out, const csv_etl::Field& id) {
  const bool needs_quotes = id.raw.find_first_of(",\"\r\n") != std::string_view::npos;
  if (needs_quotes) out += '"';
  out += id.raw;
  if (needs_quotes) out += '"';
}

void append_json_id(std::string& out, const csv_etl::Field& id) {
  const bool is_plain = std::all_of(id.raw.begin(), id.raw.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
  });
  if (is_plain) {
    out += '"';
    out += id.raw;
    out += '"';
  } else {
    out += nlohmann::json(id.has_doubled_quotes ? csv_etl::unescape(id.raw) : std::string{id.raw})
               .dump();
  }
}

void append_list(std::string& out, std::span<const double> values, char separator) {
  bool is_first = true;
  for (const double value : values) {
    if (!is_first) out += separator;
    is_first = false;
    append_number(out, value);
  }
}

class PartWriter {
 public:
  explicit PartWriter(Format format) : format_(format) {}

  void add(const csv_etl::Row& row, std::span<const csv_etl::Field> fields, bool check_utf8) {
    const auto bad = [&](RowDefect defect, std::size_t field, std::string_view text) {
      add_bad_row({row.offset, defect, field, text});
    };
    if (row.has_stray_quote) return bad(RowDefect::stray_quote, 0, row.text);
    // The delimiters are ASCII, so a row is valid UTF-8 if and only if each of its fields is.
    if (check_utf8 && !text::is_valid_utf8(row.text)) {
      return bad(RowDefect::invalid_utf8, 0, row.text);
    }
    if (fields[0].raw.empty()) return bad(RowDefect::empty_id, 0, row.text);
    if (fields.size() == 1) return bad(RowDefect::no_values, 0, row.text);
    values_.clear();
    for (std::size_t i = 1; i < fields.size(); ++i) {
      // A number has no quotes in it, so a field with doubled ones fails without being unescaped.
      const auto number = parse_number(fields[i].raw);
      switch (number.error) {
        case NumberError::none:
          values_.push_back(number.value);
          break;
        case NumberError::empty:
          return bad(RowDefect::empty_value, i, row.text);
        case NumberError::not_a_number:
          return bad(RowDefect::not_a_number, i, fields[i].raw);
        case NumberError::out_of_range:
          return bad(RowDefect::out_of_range, i, fields[i].raw);
      }
    }
    if (!compute_statistics(values_, statistics_, sorted_, outliers_)) {
      return bad(RowDefect::overflow, 0, row.text);
    }
    add_good_row(fields[0]);
  }

  [[nodiscard]] Part take() { return std::move(part_); }

 private:
  void add_good_row(const csv_etl::Field& id) {
    if (format_ == Format::csv) {
      append_csv(id);
    } else {
      append_json(id);
    }
    ++part_.rows;
    auto& totals = part_.totals;
    totals.values += values_.size();
    totals.outliers += outliers_.size();
    totals.min = std::min(totals.min.value_or(sorted_.front()), sorted_.front());
    totals.max = std::max(totals.max.value_or(sorted_.back()), sorted_.back());
  }

  void append_csv(const csv_etl::Field& id) {
    auto& out = part_.output;
    append_csv_id(out, id);
    out += ',';
    out += std::to_string(values_.size());
    for (const double value : {statistics_.mean, statistics_.median, statistics_.std_dev}) {
      out += ',';
      append_number(out, value);
    }
    out += ',';
    append_list(out, outliers_, ';');
    out += '\n';
  }

  void append_json(const csv_etl::Field& id) {
    auto& out = part_.output;
    out += R"({"id":)";
    append_json_id(out, id);
    out += R"(,"count":)";
    out += std::to_string(values_.size());
    out += R"(,"mean":)";
    append_number(out, statistics_.mean);
    out += R"(,"median":)";
    append_number(out, statistics_.median);
    out += R"(,"std_dev":)";
    append_number(out, statistics_.std_dev);
    out += R"(,"outliers":[)";
    append_list(out, outliers_, ',');
    out += "]}\n";
  }

  void add_bad_row(const BadRowFound& bad_row) {
    ++part_.bad_rows;
    if (part_.bad_row_samples.size() < csv_etl::max_bad_row_samples) {
      part_.bad_row_samples.push_back(bad_row);
    }
  }

  Format format_;
  Part part_;
  // Kept from row to row, so that a row allocates nothing.
  std::vector<double> values_;
  std::vector<double> sorted_;
  std::vector<double> outliers_;
  Statistics statistics_;
};

}  // namespace

Part transform_part(std::string_view text, std::size_t begin, std::size_t end,
                    csv_etl::TextTraits traits, Format format) {
  WholeRowScanner scanner{text, begin, end, traits.has_quotes};
  PartWriter writer{format};
  for (csv_etl::Row row; scanner.next(row);) {
    writer.add(row, scanner.fields().first(row.field_count), traits.has_non_ascii);
  }
  return writer.take();
}

}  // namespace lambda::csv_transform
