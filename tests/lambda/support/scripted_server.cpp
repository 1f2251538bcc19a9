#include "lambda/support/scripted_server.hpp"

#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/streambuf.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <iterator>
#include <sstream>

namespace lambda::testing {

using asio::use_awaitable;
using asio::ip::tcp;

Step reply(int status, const HttpHeaders& headers, const std::string& body) {
  std::ostringstream out;
  out << "HTTP/1.1 " << status << " Scripted\r\n";
  for (const auto& [name, value] : headers) out << name << ": " << value << "\r\n";
  if (status != 204) out << "Content-Length: " << body.size() << "\r\n";
  out << "\r\n" << body;
  return {out.str(), Step::Then::keep};
}

ScriptedServer::ScriptedServer(Responder responder) : ScriptedServer({}, false) {
  responder_ = std::move(responder);
  listen();
}

ScriptedServer::ScriptedServer(std::vector<Step> script, bool listening)
    : acceptor_(context_), script_(script.begin(), script.end()) {
  acceptor_.open(tcp::v4());
  acceptor_.bind({asio::ip::address_v4::loopback(), 0});
  port_ = acceptor_.local_endpoint().port();
  if (listening) listen();
  thread_ = std::thread([this] {
    const auto work = asio::make_work_guard(context_);
    context_.run();
  });
}

ScriptedServer::~ScriptedServer() {
  context_.stop();
  thread_.join();
}

void ScriptedServer::listen() {
  acceptor_.listen();
  asio::co_spawn(context_, accept(), asio::detached);
}

std::vector<Received> ScriptedServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool ScriptedServer::wait_for_requests(std::size_t count) const {
  std::unique_lock lock(mutex_);
  return arrived_.wait_for(lock, std::chrono::seconds(10),
                           [&] { return requests_.size() >= count; });
}

Step ScriptedServer::record(Received request) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(std::move(request));
  arrived_.notify_all();
  if (responder_) return responder_(requests_.back());
  if (script_.empty()) return {"", Step::Then::close};
  Step step = std::move(script_.front());
  script_.pop_front();
  return step;
}

asio::awaitable<void> ScriptedServer::accept() {
  for (int connection = 1;; ++connection) {
    tcp::socket socket = co_await acceptor_.async_accept(use_awaitable);
    asio::co_spawn(context_, serve(std::move(socket), connection), asio::detached);
  }
}

asio::awaitable<void> ScriptedServer::read_chunks(tcp::socket& socket, std::string& buffer,
                                                  Received& request) {
  const auto line = [&]() -> asio::awaitable<std::string> {
    const std::size_t size = co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer),
                                                             "\r\n", use_awaitable);
    std::string text = buffer.substr(0, size - 2);
    buffer.erase(0, size);
    co_return text;
  };
  for (;;) {
    const std::string size_line = co_await line();
    const std::size_t size = std::stoul(size_line, nullptr, 16);
    if (size == 0) break;
    if (buffer.size() < size + 2) {
      co_await asio::async_read(socket, asio::dynamic_buffer(buffer),
                                asio::transfer_exactly(size + 2 - buffer.size()), use_awaitable);
    }
    request.body.append(buffer, 0, size);
    buffer.erase(0, size + 2);
  }
  for (;;) {
    const std::string field = co_await line();
    if (field.empty()) break;
    const auto colon = field.find(": ");
    request.trailers.add(field.substr(0, colon), field.substr(colon + 2));
  }
}

asio::awaitable<void> ScriptedServer::serve(tcp::socket socket, int connection) {
  std::string buffer;
  for (;;) {
    const std::size_t head_size = co_await asio::async_read_until(
        socket, asio::dynamic_buffer(buffer), "\r\n\r\n", use_awaitable);
    Received request;
    request.connection = connection;
    std::istringstream head(buffer.substr(0, head_size));
    buffer.erase(0, head_size);
    std::string line;
    head >> request.method >> request.target;
    std::getline(head, line);
    std::size_t length = 0;
    while (std::getline(head, line) && line != "\r") {
      const auto colon = line.find(':');
      std::string value = line.substr(std::min(colon + 2, line.size()));
      if (!value.empty() && value.back() == '\r') value.pop_back();
      request.headers.add(line.substr(0, colon), value);
    }
    if (const auto field = request.headers.get("Content-Length"); !field.empty()) {
      length = std::stoul(std::string(field));
    }
    if (buffer.size() < length) {
      co_await asio::async_read(socket, asio::dynamic_buffer(buffer),
                                asio::transfer_exactly(length - buffer.size()), use_awaitable);
    }
    if (request.headers.get("Transfer-Encoding") == "chunked") {
      co_await read_chunks(socket, buffer, request);
    } else {
      request.body = buffer.substr(0, length);
      buffer.erase(0, length);
    }

    const Step step = record(std::move(request));
    co_await asio::async_write(socket, asio::buffer(step.bytes), use_awaitable);
    switch (step.then) {
      case Step::Then::keep:
        break;
      case Step::Then::close:
        co_return;
      case Step::Then::reset:
        socket.set_option(asio::socket_base::linger(true, 0));
        co_return;
      case Step::Then::hang:
        // Until the client goes away.
        co_await asio::async_read(socket, asio::dynamic_buffer(buffer), use_awaitable);
        co_return;
    }
  }
}

}  // namespace lambda::testing
