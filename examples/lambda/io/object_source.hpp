// Where a handler's input comes from: a local file or an S3 object.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "io/bytes.hpp"

namespace lambda::io {

class ObjectSource {
 public:
  // Hears that the first `arrived` bytes of the object are there; the others aren't to be looked at
  // yet. Called on the executor, must not block.
  using OnArrival =
      std::function<void(const std::shared_ptr<const Bytes>& object, std::size_t arrived)>;

  virtual ~ObjectSource() = default;

  // The whole object in one contiguous block. How it gets there (one read, or several ranged
  // requests at a time into their places) is the source's business: whoever parses it in
  // parallel needs it in one piece either way.
  //
  // Runs on: never blocks the calling executor. Completes: with the bytes, or throws io::Error.
  // Lifetime: the source must outlive the operation.
  [[nodiscard]] virtual asio::awaitable<Bytes> get(std::string location) = 0;

  // As get, for who has use for the beginning while the rest is under way: on_arrival hears of more
  // and more bytes, at last of all of them. What it throws ends the operation.
  //
  // Lifetime: the bytes stay as long as somebody holds the object, also after an error.
  [[nodiscard]] virtual asio::awaitable<void> get_arriving(std::string location,
                                                           OnArrival on_arrival);
};

}  // namespace lambda::io
