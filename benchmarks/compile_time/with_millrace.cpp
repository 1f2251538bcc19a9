// What a user writes. Its twin, by_hand.cpp, does the same with Asio and oneTBB alone.
#include <asio/awaitable.hpp>
#include <millrace/compute_pool.hpp>

asio::awaitable<int> answer(millrace::ComputePool<>& pool, int question) {
  co_return co_await pool.execute([question] { return question * 7; });
}
