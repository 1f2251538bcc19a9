// Where a handler's input comes from: a local file here, an S3 object later.
#pragma once

#include <asio/awaitable.hpp>
#include <string>

#include "io/bytes.hpp"

namespace lambda::io {

class ObjectSource {
 public:
  virtual ~ObjectSource() = default;

  // The whole object in one contiguous block. How it gets there (one read, or several ranged
  // requests at a time into their places) is the source's business: whoever parses it in
  // parallel needs it in one piece either way.
  //
  // Runs on: never blocks the calling executor. Completes: with the bytes, or throws io::Error.
  // Lifetime: the source must outlive the operation.
  [[nodiscard]] virtual asio::awaitable<Bytes> get(std::string location) = 0;
};

}  // namespace lambda::io
