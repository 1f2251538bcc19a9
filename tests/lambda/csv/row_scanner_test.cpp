#include "csv_etl/row_scanner.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

using namespace lambda::csv_etl;

namespace {

using Rows = std::vector<std::vector<std::string>>;

// A row with a stray quote comes out as one field in angle brackets.
Rows rows_of(std::string_view text) {
  Rows rows;
  RowScanner scanner{text, 0, text.size(), 10, true};
  for (Row row; scanner.next(row);) {
    auto& fields = rows.emplace_back();
    if (row.has_stray_quote) {
      fields.push_back('<' + std::string{row.text} + '>');
      continue;
    }
    REQUIRE(row.field_count <= 10);
    for (const auto& field : scanner.fields().first(row.field_count)) {
      fields.push_back(field.has_doubled_quotes ? unescape(field.raw) : std::string{field.raw});
    }
  }
  CHECK(scanner.position() == text.size());
  return rows;
}

}  // namespace

TEST_CASE("RFC 4180 rule 1: each row on a line of its own, ended by CRLF or LF") {
  CHECK(rows_of("a,b\r\nc,d\r\n") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(rows_of("a,b\nc,d\n") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(rows_of("a,b\r\nc,d\n") == Rows{{"a", "b"}, {"c", "d"}});
}

TEST_CASE("RFC 4180 rule 2: the last row may have no end of line") {
  CHECK(rows_of("a,b\nc,d") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(rows_of("a,b\nc,\"d\"") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(rows_of("a,b\nc,d\r") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(rows_of("a,b\nc,\"d\"\r") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(rows_of("a,b\nc,") == Rows{{"a", "b"}, {"c", ""}});
}

TEST_CASE("RFC 4180 rule 4: fields are separated by commas, and blanks belong to them") {
  CHECK(rows_of("a,b,c\n") == Rows{{"a", "b", "c"}});
  CHECK(rows_of(" a , b\t\n") == Rows{{" a ", " b\t"}});
  CHECK(rows_of(",\n") == Rows{{"", ""}});
  CHECK(rows_of("a,,b,\n") == Rows{{"a", "", "b", ""}});
}

TEST_CASE("RFC 4180 rule 5: a field may be enclosed in quotes") {
  CHECK(rows_of("\"a\",b\nc,\"d\"\n") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(rows_of("\"a\",\"b\"\r\n\"c\",\"d\"\r\n") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(rows_of("\"\",\"\"\n") == Rows{{"", ""}});
}

TEST_CASE("RFC 4180 rule 6: quoted commas, LF and CRLF are part of the field") {
  CHECK(rows_of("\"a,b\",c\n") == Rows{{"a,b", "c"}});
  CHECK(rows_of("\"a\nb\",c\nd,e\n") == Rows{{"a\nb", "c"}, {"d", "e"}});
  CHECK(rows_of("\"a\r\nb\",c\r\nd,e\r\n") == Rows{{"a\r\nb", "c"}, {"d", "e"}});
  CHECK(rows_of("\",\n,\",\"\r\n\"\n") == Rows{{",\n,", "\r\n"}});
}

TEST_CASE("RFC 4180 rule 7: a doubled quote in a quoted field is one quote") {
  CHECK(rows_of("\"a\"\"b\",c\n") == Rows{{"a\"b", "c"}});
  CHECK(rows_of("\"\"\"\",\"\"\"a\"\"\"\n") == Rows{{"\"", "\"a\""}});
  CHECK(rows_of("\"a\"\"\nb\"\"\",c\n") == Rows{{"a\"\nb\"", "c"}});
}

TEST_CASE("rows: empty lines are skipped, at the beginning, between and at the end") {
  CHECK(rows_of("").empty());
  CHECK(rows_of("\n\r\n\n").empty());
  CHECK(rows_of("\n\na,b\n\r\n\nc,d\n\n") == Rows{{"a", "b"}, {"c", "d"}});
  CHECK(rows_of("\"a\",b\n\n\"c\",d\n\r\n") == Rows{{"a", "b"}, {"c", "d"}});
}

TEST_CASE("rows: a line of blanks or of an empty quoted field isn't empty") {
  CHECK(rows_of(" \n\"\"\n") == Rows{{" "}, {""}});
}

TEST_CASE("rows: a carriage return that isn't part of a line end is an ordinary character") {
  CHECK(rows_of("a\rb,c\n") == Rows{{"a\rb", "c"}});
  CHECK(rows_of("a,b\r\r\n") == Rows{{"a", "b\r"}});
}

TEST_CASE("rows: a quote out of place makes its row bad and no other") {
  CHECK(rows_of("a\"b,c\nd,e\n") == Rows{{"<a\"b,c>"}, {"d", "e"}});
  CHECK(rows_of("a\"b\"c,d\ne,f\n") == Rows{{"<a\"b\"c,d>"}, {"e", "f"}});
  CHECK(rows_of("\"a\"x,c\nd,e\n") == Rows{{"<\"a\"x,c>"}, {"d", "e"}});
  CHECK(rows_of("\"a\" ,c\r\nd,e\r\n") == Rows{{"<\"a\" ,c>"}, {"d", "e"}});
  CHECK(rows_of(" \"a\",c\nd,e\n") == Rows{{"< \"a\",c>"}, {"d", "e"}});
  CHECK(rows_of("\"\"x,c\nd,e\n") == Rows{{"<\"\"x,c>"}, {"d", "e"}});
}

TEST_CASE("rows: in a row with a stray quote, a quoted newline still belongs to the row") {
  CHECK(rows_of("a\"b,\"c\nd\"\ne,f\n") == Rows{{"<a\"b,\"c\nd\">"}, {"e", "f"}});
}

TEST_CASE("rows: a quote that is never closed takes its own line and no other") {
  CHECK(rows_of("a,\"b\nc,d\ne,f\n") == Rows{{"<a,\"b>"}, {"c", "d"}, {"e", "f"}});
  CHECK(rows_of("\"a,b\nc,\"\"\nd,e") == Rows{{"<\"a,b>"}, {"c", ""}, {"d", "e"}});
  CHECK(rows_of("a,\"") == Rows{{"<a,\">"}});
}

TEST_CASE("rows: a quote whose only partner opens a later field takes its own line and no other") {
  CHECK(rows_of("a,\"b\nc,d\ne,\"f\"\n") == Rows{{"<a,\"b>"}, {"c", "d"}, {"e", "f"}});
}

TEST_CASE("rows: fields beyond the kept ones are counted") {
  const std::string_view text = "a,b,c,d\n\"a\",b,c,d\n";
  RowScanner scanner{text, 0, text.size(), 2, true};
  for (int i = 0; i < 2; ++i) {
    Row row;
    REQUIRE(scanner.next(row));
    CHECK(row.field_count == 4);
    REQUIRE(scanner.fields().size() == 2);
    CHECK(scanner.fields()[1].raw == "b");
  }
}
