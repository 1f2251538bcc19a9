// An ItemSink that writes to one table of a local SQLite file.
#pragma once

#include <string>
#include <vector>

#include "io/item_sink.hpp"

namespace lambda::io {

// The first two columns are the primary key, as partition and sort key are in DynamoDB.
struct SqliteTable {
  struct Column {
    std::string name;
    AttributeType type;
  };
  std::string name;
  std::vector<Column> columns;
};

// Every put() is one transaction, the creation of the table included: after an error the file
// holds what it held before. A number is stored as SQLite's REAL, converted with from_chars, so
// that the double read back is the one whose text was written.
class SqliteSink final : public ItemSink {
 public:
  SqliteSink(std::string path, SqliteTable table);

  [[nodiscard]] asio::awaitable<WriteReport> put(std::span<const Item> items) override;

 private:
  WriteReport put_blocking(std::span<const Item> items) const;

  std::string path_;
  SqliteTable table_;
};

}  // namespace lambda::io
