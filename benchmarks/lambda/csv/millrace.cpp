// Millrace's handler against the clock, and the floor under it. Lines with a path in, lines of JSON
// out, as the rivals beside this file; argument: the number of workers.
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_reduce.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "csv/newlines.hpp"
#include "csv_etl/aggregate.hpp"
#include "io/file_source.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

template <class Count>
std::uint64_t count_in_parallel(std::string_view text, Count count) {
  using Range = tbb::blocked_range<std::size_t>;
  constexpr std::size_t grain = 256 * 1024;
  return tbb::parallel_reduce(
      Range{0, text.size(), grain}, std::uint64_t{0},
      [&](const Range& range, std::uint64_t sum) {
        return sum + count(text.substr(range.begin(), range.size()));
      },
      std::plus{});
}

asio::awaitable<nlohmann::json> measure(const std::string& path, millrace::ComputePool<>& pool) {
  const auto start = Clock::now();
  const auto input = lambda::io::read_file(path);
  const auto text = input.view();
  auto work = [text] { return lambda::csv_etl::aggregate(text); };
  const auto result = co_await pool.install(work);
  const double from_file = ms_since(start);

  // The same bytes again, as often as it takes for the memory to be what it is between two looks.
  auto aggregate_start = Clock::now();
  static_cast<void>(co_await pool.install(work));
  const double from_memory = ms_since(aggregate_start);
  auto blocks = [text] { return count_in_parallel(text, bench::count_newlines); };
  auto standard = [text] { return count_in_parallel(text, bench::count_newlines_std); };
  const auto blocks_start = Clock::now();
  const auto newlines = co_await pool.install(blocks);
  const double floor = ms_since(blocks_start);
  const auto standard_start = Clock::now();
  const auto same = co_await pool.install(standard);
  const double standard_floor = ms_since(standard_start);
  if (newlines != same) throw std::runtime_error{"the two counts of newlines differ"};

  auto groups = nlohmann::json::array();
  for (const auto& group : result.groups) {
    groups.push_back({group.diagnosis, group.hospital, std::stod(group.average_recovery_time),
                      group.most_used_treatment});
  }
  co_return nlohmann::json{{"values",
                            {{"from file", from_file},
                             {"from memory", from_memory},
                             {"newlines", floor},
                             {"newlines, std::count", standard_floor}}},
                           {"groups", std::move(groups)},
                           {"newlines", newlines}};
}

asio::awaitable<void> serve(millrace::ComputePool<>& pool) {
  for (std::string path; std::getline(std::cin, path);) {
    const auto reply = co_await measure(path, pool);
    std::cout << reply.dump() << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    millrace::ComputeConfig config;
    config.threads = argc == 2 ? std::atoi(argv[1]) : 0;
    millrace::ComputePool<> pool{config};
    asio::io_context context{1};
    std::exception_ptr failure;
    asio::co_spawn(context, serve(pool), [&](std::exception_ptr error) { failure = error; });
    context.run();
    if (failure) std::rethrow_exception(failure);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "csv-millrace: " << error.what() << '\n';
    return 1;
  }
}
