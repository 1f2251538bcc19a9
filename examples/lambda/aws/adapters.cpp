#include "aws/adapters.hpp"

#include <utility>

#include "io/error.hpp"
#include "io/location.hpp"
#include "text/utf8.hpp"

namespace lambda::aws {
namespace {

io::S3Object object_at(const std::string& location) {
  auto object = io::s3_object(location);
  if (!object) throw io::Error{text::printable_excerpt(location) + ": not an s3:// location"};
  return std::move(*object);
}

}  // namespace

asio::awaitable<io::Bytes> S3Source::get(std::string location) {
  co_return co_await client_.get(object_at(location));
}

asio::awaitable<void> S3Source::get_arriving(std::string location, OnArrival on_arrival) {
  // Named because g++ 12 destroys the captures of a temporary in a co_await expression twice.
  auto on_part = [&on_arrival](const S3Part& part) {
    on_arrival(part.object, part.offset + part.bytes.size());
  };
  const auto object = co_await client_.get_parts(object_at(location), std::move(on_part));
  // An empty object has no parts.
  if (object->size() == 0) on_arrival(object, 0);
}

asio::awaitable<void> S3Sink::put(std::string location, std::string_view bytes,
                                  std::string content_type) {
  co_await client_.put(object_at(location), bytes, std::move(content_type));
}

}  // namespace lambda::aws
