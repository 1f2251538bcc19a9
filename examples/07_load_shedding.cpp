// A TCP service that sheds load instead of growing without bound: a bounded pool turns away what it
// can't take on, and each request has a deadline after which nobody waits for its answer.
//
// Forty clients ask at the same time, the way an overload begins. Each gets one of three answers at
// once or in time: the result, "503 busy" from the full queue, or "504 late" from the deadline;
// none is left without. In the end the pool's metrics say the same as the clients.
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>

#include "millrace/compute_pool.hpp"

using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr int clients = 40;
constexpr int requests_each = 5;

// Burns about 10 ms, unless it is told to stop before.
std::string answer(const std::string& text, const std::stop_token& stop) {
  const auto end = std::chrono::steady_clock::now() + 10ms;
  std::uint64_t hash = 14695981039346656037u;
  while (std::chrono::steady_clock::now() < end) {
    if (stop.stop_requested()) throw std::system_error(millrace::errc::deadline_exceeded);
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return "200 " + std::string(text);
}

asio::awaitable<std::string> read_line(tcp::socket& socket, std::string& buffer) {
  const std::size_t size = co_await asio::async_read_until(
      socket, asio::dynamic_buffer(buffer, 4096), '\n', asio::use_awaitable);
  std::string line = buffer.substr(0, size - 1);
  buffer.erase(0, size);
  co_return line;
}

asio::awaitable<std::string> reply_to(const std::string& request, millrace::ComputePool<>& pool) {
  const millrace::JobOptions options{.deadline = std::chrono::steady_clock::now() + 100ms,
                                     .label = "answer"};
  const auto job = [&](const std::stop_token& stop) { return answer(request, stop); };
  try {
    co_return co_await pool.execute(options, job);
  } catch (const std::system_error& error) {
    if (error.code() == millrace::errc::queue_full) co_return "503 busy";
    if (error.code() == millrace::errc::deadline_exceeded) co_return "504 late";
    throw;
  }
}

asio::awaitable<void> serve(tcp::socket socket, millrace::ComputePool<>& pool) {
  std::string buffer;
  for (int i = 0; i < requests_each; ++i) {
    const std::string request = co_await read_line(socket, buffer);
    const std::string reply = co_await reply_to(request, pool) + '\n';
    co_await asio::async_write(socket, asio::buffer(reply), asio::use_awaitable);
  }
}

void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, millrace::ComputePool<>& pool) {
  for (int i = 0; i < clients; ++i) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), pool), rethrow);
  }
}

using Answers = std::map<std::string, int>;  // by their first three letters

asio::awaitable<void> ask(tcp::endpoint service, Answers& answers) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(service, asio::use_awaitable);
  std::string buffer;
  for (int i = 0; i < requests_each; ++i) {
    co_await asio::async_write(socket, asio::buffer(std::string("grain\n")), asio::use_awaitable);
    const std::string reply = co_await read_line(socket, buffer);
    ++answers[reply.substr(0, 3)];
  }
}

}  // namespace

int main() {
  // Eight may wait: with two workers that is 40 ms of work, well inside the deadline.
  millrace::ComputePool pool{
      {.threads = 2, .max_pending = 8, .overflow = millrace::Overflow::reject}};
  asio::io_context context;
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  Answers answers;
  asio::co_spawn(context, accept(acceptor, pool), rethrow);
  for (int i = 0; i < clients; ++i) {
    asio::co_spawn(context, ask(acceptor.local_endpoint(), answers), rethrow);
  }
  context.run();

  const millrace::MetricsSnapshot metrics = pool.metrics();
  std::cout << clients << " clients, " << requests_each << " requests each: " << answers["200"]
            << " answered, " << answers["503"] << " turned away, " << answers["504"]
            << " too late\n";
  if (answers["200"] + answers["503"] + answers["504"] != clients * requests_each) {
    throw std::runtime_error("a request was left without an answer");
  }
  if (metrics.rejected != static_cast<std::uint64_t>(answers["503"]) || answers["503"] == 0) {
    throw std::runtime_error("the pool and its clients don't agree");
  }
}
