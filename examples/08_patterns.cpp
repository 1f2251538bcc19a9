// Patterns: loops over a range that spread over the pool, with the results in input order.
//
// A log of a million requests: read in parallel, some statistics, the slowest ones.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <charconv>
#include <cstddef>
#include <exception>
#include <functional>
#include <iostream>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/patterns.hpp"

namespace {

// "GET /7 200 1234": path, status, microseconds. Every 1000th line is cut off.
std::string line_of(int number) {
  if (number % 1000 == 999) return "GET /" + std::to_string(number % 100);
  return "GET /" + std::to_string(number % 100) + (number % 50 == 0 ? " 500 " : " 200 ") +
         std::to_string(100 + number * 7919LL % 100'003);
}

struct Request {
  bool failed;
  int micros;
};

std::optional<Request> parse(std::string_view line) {
  const std::size_t status = line.find(' ', 4);
  if (status == std::string_view::npos) return {};
  Request request{line[status + 1] == '5', 0};
  std::from_chars(line.data() + status + 5, line.data() + line.size(), request.micros);
  return request;
}

std::optional<int> duration_if_served(const Request& request) {
  return request.failed ? std::nullopt : std::optional(request.micros);
}

asio::awaitable<void> analyse(millrace::ComputePool<>& pool) {
  const std::vector<std::string> lines =
      co_await parallel_map(pool, std::views::iota(0, 1'000'000), line_of);

  // Two stages in one pass, each of which may drop the element.
  const auto served = millrace::stages(parse, duration_if_served);
  std::vector<int> micros = co_await parallel_filter_map(pool, lines, served);

  const long long sum = co_await parallel_reduce(pool, micros, 0LL, std::plus<>(), std::plus<>());
  const std::vector<std::size_t> bytes =
      co_await parallel_chunks(pool, {.chunk_size = 250'000}, lines, [](auto chunk) {
        std::size_t size = 0;
        for (const std::string& line : chunk) size += line.size() + 1;
        return size;
      });
  co_await parallel_sort(pool, micros);  // borrowed, as all of these are: sorted in place

  const auto count = static_cast<long long>(micros.size());
  std::cout << count << " requests served, mean " << sum / count << " us, median "
            << micros[micros.size() / 2] << " us, slowest " << micros.back() << " us\n"
            << "the log in four parts of " << bytes[0] << ", " << bytes[1] << " ... bytes\n";
  if (count != 979'000 || bytes.size() != 4) throw std::runtime_error("that is not right");
}

}  // namespace

int main() {
  millrace::ComputePool pool;
  asio::io_context context;
  asio::co_spawn(context, analyse(pool), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
}
