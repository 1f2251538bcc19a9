#include "millrace/detail/block_cache.hpp"

#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using millrace::detail::block_cache;

TEST_CASE("a block that was freed is given out again for its size, and no other") {
  void* const first = block_cache::allocate(100);
  block_cache::deallocate(first, 100);
  void* const other_size = block_cache::allocate(129);
  CHECK(other_size != first);
  CHECK(block_cache::allocate(128) == first);  // the same number of cache lines
  block_cache::deallocate(first, 128);
  block_cache::deallocate(other_size, 129);
}

TEST_CASE("blocks are as large as was asked for") {
  std::vector<std::pair<void*, std::size_t>> blocks;
  for (std::size_t bytes = 1; bytes <= 2 * block_cache::largest; bytes += 37) {
    blocks.emplace_back(block_cache::allocate(bytes), bytes);
    std::memset(blocks.back().first, 0x5a, bytes);
  }
  for (const auto& [memory, bytes] : blocks) block_cache::deallocate(memory, bytes);
  for (const auto& [memory, bytes] : blocks) {
    void* const again = block_cache::allocate(bytes);
    std::memset(again, 0xa5, bytes);
    block_cache::deallocate(again, bytes);
  }
  SUCCEED("the sanitizers say nothing");
}

TEST_CASE("a block may be freed by another thread, and by one that ends") {
  void* const memory = block_cache::allocate(64);
  std::thread([memory] { block_cache::deallocate(memory, 64); }).join();
  SUCCEED("the leak checker says nothing");
}
