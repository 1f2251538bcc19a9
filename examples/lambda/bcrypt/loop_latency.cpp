// Measures how soon the event loop answers a probe on a socket while the workers hash.

#include <algorithm>
#include <array>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bcrypt/batch.hpp"
#include "bcrypt/password_hash.hpp"

namespace {

using Socket = asio::local::stream_protocol::socket;
using namespace std::chrono_literals;

constexpr auto pause_between_probes = 5ms;

asio::awaitable<void> echo(Socket& socket) {
  for (std::array<char, 1> byte{};;) {
    co_await socket.async_read_some(asio::buffer(byte), asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(byte), asio::use_awaitable);
  }
}

// Round trips in ms until `done`, from a plain thread.
std::vector<double> probe(Socket& socket, const std::atomic<bool>& done) {
  std::vector<double> times;
  for (std::array<char, 1> byte{}; !done;) {
    const auto start = std::chrono::steady_clock::now();
    asio::write(socket, asio::buffer(byte));
    asio::read(socket, asio::buffer(byte));
    const std::chrono::duration<double, std::milli> ms = std::chrono::steady_clock::now() - start;
    times.push_back(ms.count());
    std::this_thread::sleep_for(pause_between_probes);
  }
  return times;
}

int number(const char* text, int most) {
  const int value = std::atoi(text);
  if (value < 1 || value > most) {
    throw std::invalid_argument("\"" + std::string{text} + "\" must be a whole number from 1 to " +
                                std::to_string(most));
  }
  return value;
}

void measure(int workers, std::size_t count) {
  using namespace lambda::bcrypt;
  asio::io_context context{1};
  millrace::ComputePool<> pool{millrace::ComputeConfig{.threads = workers}};
  Socket loop_end{context};
  Socket probe_end{context};
  asio::local::connect_pair(loop_end, probe_end);
  asio::co_spawn(context, echo(loop_end), asio::detached);

  std::atomic<bool> done = false;
  std::vector<double> times;
  std::thread prober{[&] { times = probe(probe_end, done); }};
  Batch batch;
  std::exception_ptr failure;
  HashItem hash_item = [](std::size_t i) { return hash_password(password(i), default_cost); };
  asio::co_spawn(context, hash_batch(count, Mode::parallel, std::move(hash_item), pool),
                 [&](std::exception_ptr error, Batch result) {
                   failure = std::move(error);
                   batch = std::move(result);
                   done = true;
                 });
  // The prober's last round trip needs the loop as well.
  std::thread stopper{[&] {
    prober.join();
    context.stop();
  }};
  context.run();
  stopper.join();
  if (failure != nullptr) std::rethrow_exception(failure);

  std::sort(times.begin(), times.end());
  const auto rank = [&](double share) {
    return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  const auto within = std::upper_bound(times.begin(), times.end(), 5.0) - times.begin();
  std::printf(
      "%zu hashes on %d threads; %zu probes, round trip ms: p50 %.3f, p99 %.3f, max %.3f; "
      "%.2f %% within 5 ms\n",
      batch.hashes.size(), batch.threads_used, times.size(), rank(0.5), rank(0.99), times.back(),
      100.0 * static_cast<double>(within) / static_cast<double>(times.size()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: bcrypt-loop-latency WORKERS HASHES\n", stderr);
    return 2;
  }
  try {
    measure(number(argv[1], 256), static_cast<std::size_t>(number(argv[2], 1'000'000)));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bcrypt-loop-latency: %s\n", e.what());
    return 1;
  }
}
