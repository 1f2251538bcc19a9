#pragma once

#include <asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "invocation_queue.hpp"

namespace lambda::local {

struct ServerHooks {
  /// Whether a process that could ask for events is there.
  std::function<bool()> expects_polls;
  /// After each request: the queue may be in another state.
  std::function<void()> changed;
};

/// The HTTP side: the Runtime API and the endpoint for invocations, on 127.0.0.1, over an
/// `InvocationQueue`.
///
/// **Runs on**: the context's thread, of which there must be one. **Lifetime**: destroy it after
/// the context has stopped, before the queue. **Thread safety**: none.
class Server {
 public:
  Server(asio::io_context& context, std::uint16_t port, InvocationQueue& queue, ServerHooks hooks);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Starts to listen. Throws `std::system_error`, e.g. when the port is taken.
  void open();

  /// The port that it listens on.
  [[nodiscard]] std::uint16_t port() const;

  /// Whether the process that is there now has registered an extension.
  [[nodiscard]] bool extension_registered() const;

  /// Polls on the connections that are there now are not answered any more: they are a dead
  /// process's, whose last request may still be on its way to us.
  void disown_connections();

 private:
  class Http;
  std::unique_ptr<Http> http_;
};

}  // namespace lambda::local
