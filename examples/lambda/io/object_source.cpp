#include "io/object_source.hpp"

#include <utility>

namespace lambda::io {

asio::awaitable<void> ObjectSource::get_arriving(std::string location, OnArrival on_arrival) {
  const auto object = std::make_shared<const Bytes>(co_await get(std::move(location)));
  on_arrival(object, object->size());
}

}  // namespace lambda::io
