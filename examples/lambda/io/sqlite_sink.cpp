#include "io/sqlite_sink.hpp"

#include <sqlite3.h>

#include <charconv>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "io/blocking.hpp"
#include "io/error.hpp"

namespace lambda::io {
namespace {

// Long enough for another invocation's transaction, short enough for a Lambda's deadline.
constexpr int busy_timeout_ms = 5000;

struct CloseDatabase {
  void operator()(sqlite3* database) const noexcept { sqlite3_close(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

class Database {
 public:
  explicit Database(const std::string& path) : path_(path) {
    sqlite3* opened = nullptr;
    const int result =
        sqlite3_open_v2(path.c_str(), &opened,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    handle_.reset(opened);  // SQLite gives a handle on failure too, for the message
    if (result != SQLITE_OK) fail();
    sqlite3_busy_timeout(opened, busy_timeout_ms);
  }

  void execute(const std::string& sql) {
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  }

  [[nodiscard]] Statement prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(handle_.get(), sql.c_str(), static_cast<int>(sql.size()), &statement,
                             nullptr));
    return Statement{statement};
  }

  void check(int result) const {
    if (result != SQLITE_OK && result != SQLITE_DONE) fail();
  }

  [[noreturn]] void fail() const {
    std::string message = path_ + ": ";
    message += handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory";
    // "unable to open database file" alone leaves open why.
    if (const int error = handle_ ? sqlite3_system_errno(handle_.get()) : 0; error != 0) {
      message += " (" + std::generic_category().message(error) + ")";
    }
    throw Error{message};
  }

 private:
  std::string path_;
  std::unique_ptr<sqlite3, CloseDatabase> handle_;
};

// Rolled back unless committed, whatever is thrown in between.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) {
    database_.execute("BEGIN IMMEDIATE");
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (committed_) return;
    try {
      database_.execute("ROLLBACK");
    } catch (const Error&) {
      // SQLite has rolled back on its own (disk full, I/O error): that is what was wanted.
    }
  }
  void commit() {
    database_.execute("COMMIT");
    committed_ = true;
  }

 private:
  Database& database_;
  bool committed_ = false;
};

std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text.append(c == '"' ? 2 : 1, c);
  return text + '"';
}

std::string create_statement(const SqliteTable& table) {
  std::string sql = "CREATE TABLE IF NOT EXISTS " + quoted(table.name) + " (";
  for (const auto& column : table.columns) {
    const bool is_string = column.type == AttributeType::string;
    sql += quoted(column.name) + (is_string ? " TEXT NOT NULL, " : " REAL NOT NULL, ");
  }
  return sql + "PRIMARY KEY (" + quoted(table.columns[0].name) + ", " +
         quoted(table.columns[1].name) + ")) WITHOUT ROWID";
}

std::string upsert_statement(const SqliteTable& table) {
  std::string names;
  std::string values;
  std::string updates;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const auto name = quoted(table.columns[i].name);
    names += (i == 0 ? "" : ", ") + name;
    values += i == 0 ? "?" : ", ?";
    if (i >= 2) updates += (i == 2 ? "" : ", ") + name + " = excluded." + name;
  }
  const auto& columns = table.columns;
  return "INSERT INTO " + quoted(table.name) + " (" + names + ") VALUES (" + values +
         ") ON CONFLICT (" + quoted(columns[0].name) + ", " + quoted(columns[1].name) + ") DO " +
         (updates.empty() ? "NOTHING" : "UPDATE SET " + updates);
}

const Attribute& find_attribute(const Item& item, const SqliteTable::Column& column) {
  for (const auto& attribute : item) {
    if (attribute.name == column.name && attribute.type == column.type) return attribute;
  }
  throw Error{"an item lacks the attribute " + column.name};
}

double to_double(const Attribute& attribute) {
  double value = 0;
  const char* const end = attribute.text.data() + attribute.text.size();
  const auto [stop, error] = std::from_chars(attribute.text.data(), end, value);
  if (error != std::errc{} || stop != end) {
    throw Error{"attribute " + attribute.name + " is not a number: " + attribute.text};
  }
  return value;
}

void bind(Database& database, sqlite3_stmt* statement, int index, const Attribute& attribute) {
  if (attribute.type == AttributeType::number) {
    database.check(sqlite3_bind_double(statement, index, to_double(attribute)));
  } else {
    // SQLITE_STATIC (a null destructor): the item outlives the step that reads it.
    database.check(sqlite3_bind_text64(statement, index, attribute.text.data(),
                                       attribute.text.size(), nullptr, SQLITE_UTF8));
  }
}

}  // namespace

SqliteSink::SqliteSink(std::string path, SqliteTable table)
    : path_(std::move(path)), table_(std::move(table)) {
  if (path_.empty()) throw Error{"the path of the SQLite file is empty"};
  if (path_.find('\0') != std::string::npos) {
    throw Error{"the path of the SQLite file holds a NUL byte"};
  }
  if (path_ == ":memory:") throw Error{path_ + ": the results would be lost; give a file"};
  if (table_.columns.size() < 2) throw Error{"a table needs its two key columns"};
}

WriteReport SqliteSink::put_blocking(std::span<const Item> items) const {
  Database database{path_};
  Transaction transaction{database};
  database.execute(create_statement(table_));
  {
    const auto statement = database.prepare(upsert_statement(table_));
    for (const auto& item : items) {
      for (std::size_t i = 0; i < table_.columns.size(); ++i) {
        bind(database, statement.get(), static_cast<int>(i) + 1,
             find_attribute(item, table_.columns[i]));
      }
      database.check(sqlite3_step(statement.get()));
      database.check(sqlite3_reset(statement.get()));
    }
  }
  transaction.commit();
  return {items.size()};
}

asio::awaitable<WriteReport> SqliteSink::put(std::span<const Item> items) {
  co_return co_await run_blocking([this, items] { return put_blocking(items); });
}

}  // namespace lambda::io
