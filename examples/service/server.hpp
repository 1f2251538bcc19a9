/// HTTP: one loop's share of the connections.
#pragma once

#include <asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "ledger.hpp"
#include "live.hpp"
#include "options.hpp"
#include "router.hpp"

namespace service {

/// Several may listen on one port: the kernel shares out the connections.
///
/// **Runs on**: the context's thread, of which there must be one. **Lifetime**: destroy it after
/// the context has stopped. **Thread safety**: none.
class Server {
 public:
  Server(asio::io_context& context, const Options& options, Router& router, Ledger& ledger,
         Live& live);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Starts to listen. Throws `std::system_error`, e.g. when the port is taken.
  void open(std::uint16_t port);

  /// The port that it listens on.
  [[nodiscard]] std::uint16_t port() const;

  /// Accepts no more connections; what comes on those that are there is answered with 503, and the
  /// last answer on each closes it. Calls `drained` when all accepted requests have been answered,
  /// perhaps at once.
  void stop(std::function<void()> drained);

  /// Accepted requests whose answer is not out yet.
  [[nodiscard]] std::size_t in_flight() const;

 private:
  class Http;
  std::unique_ptr<Http> http_;
};

}  // namespace service
