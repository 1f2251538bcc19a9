#include "support/report.hpp"

#include <oneapi/tbb/version.h>

#include <algorithm>
#include <asio/version.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <millrace/version.hpp>
#include <stdexcept>

#include "support/statistics.hpp"

namespace bench {

namespace {

#if defined(__clang__)
constexpr const char* compiler = "clang " __clang_version__;
#else
constexpr const char* compiler = "g++ " __VERSION__;
#endif

std::string asio_version() {
  return std::to_string(ASIO_VERSION / 100000) + '.' + std::to_string(ASIO_VERSION / 100 % 1000) +
         '.' + std::to_string(ASIO_VERSION % 100);
}

// Names and flags hold nothing that JSON would have escaped but quotes.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

void print_table(const std::vector<row>& rows) {
  std::printf("%-16s %-24s %7s %9s  %-14s %12s %12s %12s  %s\n", "problem", "rival", "workers",
              "in flight", "metric", "median", "min", "max", "unit");
  for (const row& one : rows) {
    const spread values = spread_of(one.values);
    std::printf("%-16s %-24s %7d %9d  %-14s %12.4g %12.4g %12.4g  %s\n", one.problem.c_str(),
                one.rival.c_str(), one.workers, one.in_flight, one.metric.c_str(), values.median,
                values.min, values.max, one.unit.c_str());
  }
}

void write_json(const std::string& file, const std::vector<row>& rows) {
  std::ofstream out(file);
  out.precision(9);
  out << "{\"program\": {\"language\": \"C++\", \"compiler\": " << quoted(compiler)
      << ", \"flags\": " << quoted(BENCH_FLAGS) << ", \"versions\": {\"millrace\": \""
      << millrace::version_major << '.' << millrace::version_minor << '.' << millrace::version_patch
      << "\", \"asio\": " << quoted(asio_version()) << ", \"oneTBB\": \"" << TBB_VERSION_MAJOR
      << '.' << TBB_VERSION_MINOR << "\"}},\n"
      << " \"rows\": [";
  const char* separator = "\n";
  for (const row& one : rows) {
    out << separator << "  {\"problem\": " << quoted(one.problem)
        << ", \"rival\": " << quoted(one.rival) << ", \"workers\": " << one.workers
        << ", \"in_flight\": " << one.in_flight << ", \"metric\": " << quoted(one.metric)
        << ", \"unit\": " << quoted(one.unit) << ", \"values\": [";
    for (std::size_t i = 0; i < one.values.size(); ++i) out << (i ? ", " : "") << one.values[i];
    out << "]}";
    separator = ",\n";
  }
  out << "\n ]}\n";
  if (!out.flush()) throw std::runtime_error("can't write " + file);
}

int run_main(int argc, char** argv, const suite& all) {
  try {
    const options wanted = parse(argc, argv);
    if (wanted.list) {
      all.list();
      return 0;
    }
    const auto started = clock::now();
    const auto foreign = machine_cpu() - process_cpu();
    const auto rows = all.run(wanted);
    if (wanted.json.empty()) {
      print_table(rows);
      std::printf("other processes used %.0f %% of a core meanwhile\n",
                  std::max(0.0, 100 * in_ns(machine_cpu() - process_cpu() - foreign) /
                                    in_ns(clock::now() - started)));
    } else {
      write_json(wanted.json, rows);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}

}  // namespace bench
