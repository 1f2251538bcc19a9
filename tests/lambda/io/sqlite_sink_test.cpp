#include "io/sqlite_sink.hpp"

#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/error.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda;

namespace {

using enum io::AttributeType;

const io::SqliteTable table{"things",
                            {{"PK", string}, {"SK", string}, {"Name", string}, {"Value", number}}};

io::Item item(std::string pk, std::string sk, std::string name, std::string value) {
  return {{"PK", string, std::move(pk)},
          {"SK", string, std::move(sk)},
          {"Name", string, std::move(name)},
          {"Value", number, std::move(value)}};
}

std::size_t put(const std::string& path, const std::vector<io::Item>& items) {
  io::SqliteSink sink{path, table};
  return test::run(sink.put(items)).items_written;
}

// Through SQLite's own text form: rows of columns joined with '|'.
std::vector<std::string> query(const std::string& path, const std::string& sql) {
  sqlite3* opened = nullptr;
  REQUIRE(sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database{opened, sqlite3_close};
  std::vector<std::string> rows;
  const auto append = [](void* into, int count, char** values, char**) {
    std::string row;
    for (int i = 0; i < count; ++i) row += (i == 0 ? "" : "|") + std::string{values[i]};
    static_cast<std::vector<std::string>*>(into)->push_back(row);
    return 0;
  };
  REQUIRE(sqlite3_exec(opened, sql.c_str(), append, &rows, nullptr) == SQLITE_OK);
  return rows;
}

const std::string all = "SELECT PK, SK, Name, Value FROM things ORDER BY PK, SK";

std::string error_of(const std::string& path, const std::vector<io::Item>& items) {
  return test::message_of<io::Error>([&] { return put(path, items); });
}

}  // namespace

TEST_CASE("SqliteSink: writes every item, numbers as REAL with every bit") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("out.sqlite");
  CHECK(put(path, {item("r", "a", "it's \"quoted\"\n", "32.5"),
                   item("r", "b", "M\xC3\xBCnchen", "0.30000000000000004")}) == 2);
  CHECK(query(path, all) ==
        std::vector<std::string>{"r|a|it's \"quoted\"\n|32.5", "r|b|M\xC3\xBCnchen|0.3"});
  CHECK(query(path, "SELECT Value = 0.1 + 0.2, typeof(Value) FROM things WHERE SK = 'b'") ==
        std::vector<std::string>{"1|real"});
}

TEST_CASE("SqliteSink: the same items again change nothing") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("out.sqlite");
  const std::vector<io::Item> items{item("r", "a", "x", "1"), item("r", "b", "y", "2")};
  CHECK(put(path, items) == 2);
  const auto before = query(path, all);
  CHECK(put(path, items) == 2);
  CHECK(query(path, all) == before);
}

TEST_CASE("SqliteSink: an item with a known key replaces it, other keys stay") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("out.sqlite");
  put(path, {item("r1", "a", "x", "1"), item("r2", "a", "x", "1")});
  put(path, {item("r1", "a", "y", "2")});
  CHECK(query(path, all) == std::vector<std::string>{"r1|a|y|2.0", "r2|a|x|1.0"});
}

TEST_CASE("SqliteSink: no items still leave a table to read") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("out.sqlite");
  CHECK(put(path, {}) == 0);
  CHECK(query(path, all).empty());
}

TEST_CASE("SqliteSink: an error in the middle leaves what was there before") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("out.sqlite");
  put(path, {item("r", "a", "x", "1")});
  auto incomplete = item("r", "c", "z", "3");
  incomplete.pop_back();
  CHECK(error_of(path, {item("r", "a", "changed", "9"), item("r", "b", "y", "2"), incomplete}) ==
        "an item lacks the attribute Value");
  CHECK(error_of(path, {item("r", "a", "changed", "9"), item("r", "b", "y", "2x")}) ==
        "attribute Value is not a number: 2x");
  CHECK(query(path, all) == std::vector<std::string>{"r|a|x|1.0"});
}

TEST_CASE("SqliteSink: SQLite's own error in the middle leaves what was there before") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("out.sqlite");
  put(path, {item("r", "a", "x", "1")});
  query(path,
        "CREATE TRIGGER refuse BEFORE INSERT ON things WHEN NEW.SK = 'bad' "
        "BEGIN SELECT RAISE(ABORT, 'refused by trigger'); END");
  CHECK(error_of(path, {item("r", "a", "changed", "9"), item("r", "bad", "y", "2")}) ==
        path + ": refused by trigger");
  CHECK(query(path, all) == std::vector<std::string>{"r|a|x|1.0"});
}

TEST_CASE("SqliteSink: an error on a new file leaves no table") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("out.sqlite");
  CHECK_FALSE(error_of(path, {item("r", "b", "y", "x")}).empty());
  CHECK(query(path, "SELECT name FROM sqlite_master").empty());
}

TEST_CASE("SqliteSink: errors name the file and SQLite's message") {
  const test::TemporaryDirectory directory;
  const auto nowhere = directory.file("nowhere/out.sqlite");
  CHECK(error_of(nowhere, {}) ==
        nowhere + ": unable to open database file (No such file or directory)");
  const auto csv = directory.write("records.csv", std::string(2000, 'x'));
  CHECK(error_of(csv, {}) == csv + ": file is not a database");
  CHECK(test::read(csv) == std::string(2000, 'x'));
  CHECK(error_of("", {}) == "the path of the SQLite file is empty");
  CHECK(error_of(std::string{"a\0b", 3}, {}) == "the path of the SQLite file holds a NUL byte");
  CHECK(error_of(":memory:", {}) == ":memory:: the results would be lost; give a file");
}

TEST_CASE("SqliteSink: a table of the same name with other columns is an error") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("out.sqlite");
  put(path, {});
  query(path, "DROP TABLE things; CREATE TABLE things (PK TEXT, SK TEXT)");
  CHECK(error_of(path, {}) == path + ": table things has no column named Name");
}
