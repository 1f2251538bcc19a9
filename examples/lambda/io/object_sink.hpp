// Where a handler's whole objects go: a local file or an S3 object.
#pragma once

#include <asio/awaitable.hpp>
#include <string>
#include <string_view>

namespace lambda::io {

class ObjectSink {
 public:
  virtual ~ObjectSink() = default;

  // Writes one object, all of it or nothing: whoever reads it meanwhile sees the old one.
  //
  // Runs on: never blocks the calling executor. Completes: when the object is there, or throws
  // io::Error. Lifetime: the sink and the bytes must outlive the operation.
  [[nodiscard]] virtual asio::awaitable<void> put(std::string location, std::string_view bytes,
                                                  std::string content_type) = 0;
};

}  // namespace lambda::io
