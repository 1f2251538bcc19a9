#include "event/objects.hpp"

#include <utility>

#include "io/error.hpp"
#include "runtime/error.hpp"

namespace lambda::event {

asio::awaitable<io::Bytes> read_input(io::ObjectSource& source, std::string location) {
  try {
    co_return co_await source.get(std::move(location));
  } catch (const io::Error& error) {
    throw HandlerError{"InputUnavailable", error.what()};
  }
}

asio::awaitable<void> write_output(io::ObjectSink& sink, std::string location,
                                   std::string_view bytes, std::string content_type) {
  try {
    co_await sink.put(std::move(location), bytes, std::move(content_type));
  } catch (const io::Error& error) {
    throw HandlerError{"OutputUnavailable", error.what()};
  }
}

}  // namespace lambda::event
