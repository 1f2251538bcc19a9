#include "runtime/runtime.hpp"

asio::awaitable<nlohmann::json> handle(lambda::Event event, lambda::Context,
                                       millrace::ComputePool<>& pool) {
  auto greet = [name = event.value("name", "world")] { return "hello, " + name; };
  const std::string text = co_await pool.execute(std::move(greet));  // on a worker
  co_return nlohmann::json{{"text", text}};
}

int main() {
  return lambda::run(handle);
}
