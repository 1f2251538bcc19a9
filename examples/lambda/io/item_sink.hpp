// Where a handler's results go: a local SQLite file here, a DynamoDB table later.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace lambda::io {

// DynamoDB's own type letters, S and N. A number travels as decimal text, as DynamoDB has it: a
// binary double on the way would decide the digits for every sink.
enum class AttributeType { string, number };

struct Attribute {
  std::string name;
  AttributeType type;
  std::string text;
};

using Item = std::vector<Attribute>;

struct WriteReport {
  std::size_t items_written = 0;
};

class ItemSink {
 public:
  virtual ~ItemSink() = default;

  // Writes all items; an item whose key is there already is replaced, so that a retry of the
  // same request changes nothing.
  //
  // Runs on: never blocks the calling executor. Completes: with what was written, or throws
  // io::Error. Lifetime: the sink and the items must outlive the operation.
  [[nodiscard]] virtual asio::awaitable<WriteReport> put(std::span<const Item> items) = 0;
};

}  // namespace lambda::io
