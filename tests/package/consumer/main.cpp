#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <exception>
#include <iostream>
#include <millrace/compute_pool.hpp>

asio::awaitable<void> answer(millrace::ComputePool<>& pool) {
  std::cout << co_await pool.execute([] { return 6 * 7; }) << '\n';
}

int main() {
  millrace::ComputePool pool;
  asio::io_context context;
  asio::co_spawn(context, answer(pool), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
}
