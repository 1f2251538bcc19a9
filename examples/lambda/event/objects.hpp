/// A handler's input and output, with what goes wrong told to the caller.
#pragma once

#include <asio/awaitable.hpp>
#include <string>
#include <string_view>

#include "io/object_sink.hpp"
#include "io/object_source.hpp"

namespace lambda::event {

/// As `source.get`, but throws `HandlerError("InputUnavailable", ...)` where that throws io::Error.
[[nodiscard]] asio::awaitable<io::Bytes> read_input(io::ObjectSource& source, std::string location);

/// As `sink.put`, but throws `HandlerError("OutputUnavailable", ...)` where that throws io::Error.
[[nodiscard]] asio::awaitable<void> write_output(io::ObjectSink& sink, std::string location,
                                                 std::string_view bytes, std::string content_type);

}  // namespace lambda::event
