// The bcrypt handler's hashing against the clock: a line with a count in, the hashes out. The
// handler itself would not tell the hashes, which are to be checked.
#include "bcrypt/batch.hpp"
#include "bcrypt/password_hash.hpp"
#include "support/rival.hpp"

namespace {

asio::awaitable<nlohmann::json> answer(std::string line, millrace::ComputePool<>& pool) {
  using namespace lambda::bcrypt;
  const auto count = static_cast<std::size_t>(std::stoul(line));
  HashItem hash_item = [](std::size_t i) { return hash_password(password(i), default_cost); };
  const auto start = bench::Clock::now();
  const auto batch = co_await hash_batch(count, Mode::parallel, std::move(hash_item), pool);
  const double ms = bench::ms_since(start);
  co_return nlohmann::json{{"ms", ms}, {"hashes", batch.hashes}, {"threads", batch.threads_used}};
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_rival(argc, argv, answer);
}
