// A TCP service: await a request, await the pool, await the reply. Async at the boundaries, sync
// compute in the middle.
//
// Each line is a text; the reply is its FNV-1a hash of many rounds (small enough for an
// example, not for passwords). A client in the same program sends three texts and prints the
// replies.
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <cstdint>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

#include "millrace/compute_pool.hpp"

using asio::ip::tcp;

namespace {

std::string digest(const std::string& text) {
  std::uint64_t hash = 14695981039346656037u;
  for (int round = 0; round < 100'000; ++round) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return std::to_string(hash);
}

asio::awaitable<std::string> read_line(tcp::socket& socket, std::string& buffer) {
  const std::size_t size = co_await asio::async_read_until(
      socket, asio::dynamic_buffer(buffer, 4096), '\n', asio::use_awaitable);
  std::string line = buffer.substr(0, size - 1);
  buffer.erase(0, size);
  co_return line;
}

asio::awaitable<void> serve(tcp::acceptor& acceptor, millrace::ComputePool<>& pool) {
  tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  std::string buffer;
  for (;;) {
    const std::string request = co_await read_line(socket, buffer);
    if (request == "quit") co_return;
    const std::string reply = co_await pool.execute([&] { return digest(request) + '\n'; });
    co_await asio::async_write(socket, asio::buffer(reply), asio::use_awaitable);
  }
}

asio::awaitable<void> ask(tcp::endpoint service) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(service, asio::use_awaitable);
  std::string buffer;
  for (const std::string text : {"grain", "water", "stone"}) {
    co_await asio::async_write(socket, asio::buffer(text + '\n'), asio::use_awaitable);
    const std::string reply = co_await read_line(socket, buffer);
    std::cout << text << " -> " << reply << '\n';
    if (reply != digest(text)) throw std::runtime_error("wrong digest");
  }
  co_await asio::async_write(socket, asio::buffer(std::string("quit\n")), asio::use_awaitable);
}

}  // namespace

int main() {
  millrace::ComputePool pool;
  asio::io_context context;
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
  const auto rethrow = [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  };
  asio::co_spawn(context, serve(acceptor, pool), rethrow);
  asio::co_spawn(context, ask(acceptor.local_endpoint()), rethrow);
  context.run();
}
