#include "tls_server.hpp"

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/read_until.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <string_view>
#include <utility>

namespace lambda::testing {

using asio::use_awaitable;
using asio::ip::tcp;

TlsServer::TlsServer(const std::string& certificate, const std::string& key)
    : tls_(asio::ssl::context::tls_server),
      acceptor_(context_, {asio::ip::address_v4::loopback(), 0}),
      port_(acceptor_.local_endpoint().port()) {
  tls_.use_certificate_chain_file(certificate);
  tls_.use_private_key_file(key, asio::ssl::context::pem);
  asio::co_spawn(context_, accept(), asio::detached);
  thread_ = std::thread([this] {
    const auto work = asio::make_work_guard(context_);
    context_.run();
  });
}

TlsServer::~TlsServer() {
  context_.stop();
  thread_.join();
}

asio::awaitable<void> TlsServer::accept() {
  for (;;) {
    tcp::socket socket = co_await acceptor_.async_accept(use_awaitable);
    asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> TlsServer::serve(tcp::socket socket) {
  asio::ssl::stream<tcp::socket> stream(std::move(socket), tls_);
  co_await stream.async_handshake(asio::ssl::stream_base::server, use_awaitable);
  std::string buffer;
  for (;;) {
    const std::size_t head = co_await asio::async_read_until(stream, asio::dynamic_buffer(buffer),
                                                             "\r\n\r\n", use_awaitable);
    buffer.erase(0, head);
    constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nover TLS";
    co_await asio::async_write(stream, asio::buffer(answer), use_awaitable);
  }
}

}  // namespace lambda::testing
