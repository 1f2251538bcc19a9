// A stream: lines come in through a channel, are collected into batches, computed on the pool
// several batches at a time, and come out in order.
//
// Back-pressure goes from end to end: however long the input and however fast its reader, four
// batches are in memory, and the one that is being collected.
#include <asio/co_spawn.hpp>
#include <asio/experimental/channel.hpp>
#include <asio/io_context.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/batched.hpp"
#include "millrace/compute_pool.hpp"
#include "millrace/stream.hpp"

namespace {

constexpr int lines = 10'000;
constexpr std::size_t per_batch = 64;

using Lines = asio::experimental::channel<void(asio::error_code, std::string)>;
using Batch = std::vector<std::string>;

// Stands for a socket or a file.
asio::awaitable<void> read(Lines& to) {
  for (int i = 0; i < lines; ++i) {
    co_await to.async_send(asio::error_code(), "line " + std::to_string(i), asio::use_awaitable);
  }
  to.close();
}

std::uint64_t hash(const Batch& batch) {
  std::uint64_t hash = 14695981039346656037u;
  for (int round = 0; round < 100; ++round) {
    for (const std::string& line : batch) {
      for (const char c : line) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    }
  }
  return hash;
}

asio::awaitable<void> hash_all(millrace::ComputePool<>& pool, Lines& from) {
  std::uint64_t all = 0;
  auto batches = millrace::batched(from, per_batch, std::chrono::milliseconds(10));
  const auto sink = [&](std::uint64_t one) { all = all * 31 + one; };
  const std::size_t count = co_await millrace::stream(
      pool, std::move(batches), hash, sink,
      millrace::StreamOptions{.in_flight = 4, .order = millrace::StreamOrder::ordered});
  std::cout << lines << " lines in " << count << " batches, hash " << all << '\n';
  if (count < lines / per_batch) throw std::runtime_error("a batch is missing");
}

void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

}  // namespace

int main() {
  millrace::ComputePool pool;
  asio::io_context context;
  Lines channel(context);
  asio::co_spawn(context, read(channel), rethrow);
  asio::co_spawn(context, hash_all(pool, channel), rethrow);
  context.run();
}
