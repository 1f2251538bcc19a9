// The smallest function: what any bootstrap weighs, and how long it takes to start.
#include "runtime/runtime.hpp"

namespace {

asio::awaitable<nlohmann::json> echo(lambda::Event event, lambda::Context,
                                     millrace::ComputePool<>& pool) {
  co_return co_await pool.execute([&event] { return std::move(event); });
}

}  // namespace

int main() {
  return lambda::run(&echo);
}
