#include "bcrypt/handler.hpp"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <utility>

#include "bcrypt/password_hash.hpp"
#include "bcrypt/request.hpp"

namespace lambda::bcrypt {
namespace {

std::int64_t resident_kb() {
  std::int64_t size = 0;
  std::int64_t resident = 0;  // both in pages
  std::ifstream{"/proc/self/statm"} >> size >> resident;
  return resident * (::sysconf(_SC_PAGESIZE) / 1024);
}

}  // namespace

asio::awaitable<nlohmann::json> handle(Event event, Context context,
                                       millrace::ComputePool<>& pool) {
  using std::chrono::steady_clock;
  const auto request = parse_request(event, pool.num_threads());
  const auto start = steady_clock::now();
  HashItem hash_item = [](std::size_t i) { return hash_password(password(i), default_cost); };
  const auto batch = co_await hash_batch(request.count, request.mode, std::move(hash_item), pool);
  const auto ms =
      std::chrono::round<std::chrono::milliseconds>(steady_clock::now() - start).count();
  context.report({{"items", batch.hashes.size()}});
  const double average = static_cast<double>(ms) / static_cast<double>(request.count);
  co_return nlohmann::json{{"processed", batch.hashes.size()},
                           {"duration_ms", ms},
                           {"mode", request.mode == Mode::parallel ? "parallel" : "sequential"},
                           {"workers", pool.num_threads()},
                           {"detected_cpus", millrace::usable_cpus()},
                           {"avg_ms_per_item", std::round(average * 100) / 100},
                           {"memory_used_kb", resident_kb()},
                           {"threads_used", batch.threads_used}};
}

}  // namespace lambda::bcrypt
