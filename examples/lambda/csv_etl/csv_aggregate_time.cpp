// Times the synchronous middle of the ETL (parse and aggregate) on pools of different sizes.
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <millrace/compute_pool.hpp>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "csv_etl/aggregate.hpp"
#include "io/file_source.hpp"

namespace {

constexpr std::string_view usage =
    "usage: csv-aggregate-time --file PATH [--workers A,B,...] [--repeat N]\n";

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Arguments {
  std::string file;
  std::vector<int> workers{1, 2};
  int repeat = 11;
};

int parse_positive(std::string_view option, std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > 10'000) {
    throw UsageError{std::string{option} + " must be from 1 to 10000, not \"" + std::string{text} +
                     '"'};
  }
  return value;
}

std::vector<int> parse_list(std::string_view option, std::string_view text) {
  std::vector<int> values;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    values.push_back(parse_positive(option, text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return values;
}

Arguments parse_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option{argv[i]};
    if (option != "--file" && option != "--workers" && option != "--repeat") {
      throw UsageError{"unknown argument \"" + std::string{option} + '"'};
    }
    if (++i == argc) throw UsageError{std::string{option} + " needs a value"};
    if (option == "--file") arguments.file = argv[i];
    if (option == "--workers") arguments.workers = parse_list(option, argv[i]);
    if (option == "--repeat") arguments.repeat = parse_positive(option, argv[i]);
  }
  if (arguments.file.empty()) throw UsageError{"--file is missing"};
  return arguments;
}

struct Series {
  std::unique_ptr<millrace::ComputePool<>> pool;
  std::vector<double> ms;
  lambda::csv_etl::Aggregate result;
};

asio::awaitable<void> measure(std::string_view text, std::vector<Series>& series, int repeat) {
  using Clock = std::chrono::steady_clock;
  // The first round only warms up; the pools take turns, so that whatever else the machine does
  // hits all of them.
  for (int round = -1; round < repeat; ++round) {
    for (auto& each : series) {
      const auto start = Clock::now();
      each.result =
          co_await each.pool->install([text] { return lambda::csv_etl::aggregate(text); });
      const std::chrono::duration<double, std::milli> elapsed = Clock::now() - start;
      if (round >= 0) each.ms.push_back(elapsed.count());
    }
  }
}

double median(const std::vector<double>& sorted) {
  const auto middle = sorted.size() / 2;
  return sorted.size() % 2 != 0 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

nlohmann::json run(const Arguments& arguments) {
  const auto input = lambda::io::read_file(arguments.file);
  std::vector<Series> all;
  for (const int workers : arguments.workers) {
    millrace::ComputeConfig config;
    config.threads = workers;
    all.push_back({std::make_unique<millrace::ComputePool<>>(config), {}, {}});
  }

  asio::io_context context{1};
  std::exception_ptr failure;
  asio::co_spawn(context, measure(input.view(), all, arguments.repeat),
                 [&](std::exception_ptr error) { failure = error; });
  context.run();
  if (failure) std::rethrow_exception(failure);

  auto results = nlohmann::json::array();
  for (auto& series : all) {
    if (series.result != all.front().result) {
      throw std::runtime_error{"the result depends on the number of workers"};
    }
    std::sort(series.ms.begin(), series.ms.end());
    const double median_ms = median(series.ms);
    results.push_back({{"workers", series.pool->num_threads()},
                       {"median_ms", median_ms},
                       {"min_ms", series.ms.front()},
                       {"max_ms", series.ms.back()},
                       {"rows_per_s", static_cast<double>(series.result.rows) / median_ms * 1000}});
  }
  const auto& result = all.front().result;
  return {{"file", arguments.file},
          {"bytes", input.size()},
          {"rows", result.rows},
          {"bad_rows", result.bad_rows},
          {"groups", result.groups.size()},
          {"repeat", arguments.repeat},
          {"results", std::move(results)}};
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto report = run(parse_arguments(argc, argv));
    std::puts(report.dump(2).c_str());
    return 0;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "csv-aggregate-time: %s\n%s", error.what(), usage.data());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "csv-aggregate-time: %s\n", error.what());
    return 1;
  }
}
