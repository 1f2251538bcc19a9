#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "invocation_queue.hpp"
#include "options.hpp"
#include "server.hpp"
#include "supervisor.hpp"

namespace lambda::local {

/// The program: puts queue, server and supervisor together, keeps the time limits, prints the log.
///
/// **Runs on**: the context's thread, of which there must be one. **Lifetime**: destroy it after
/// `context.run()` has returned, before the context. **Thread safety**: none.
class Host {
 public:
  Host(asio::io_context& context, const Options& options);

  /// Listens, says so on standard output, starts the program. Throws `std::system_error`.
  /// SIGINT and SIGTERM end the program and stop the context.
  void start();

 private:
  void on_signal();
  void on_change();
  void on_exit(const std::string& how);
  void set_deadline_timer();
  void set_stuck_timer();
  void report(const Report& report);

  asio::io_context& context_;
  Options options_;
  asio::signal_set signals_;
  asio::steady_timer deadline_timer_;
  asio::steady_timer stuck_timer_;
  bool stuck_timer_set_ = false;
  std::optional<Clock::time_point> deadline_;
  InvocationQueue queue_;
  Server server_;
  std::optional<Supervisor> supervisor_;
};

}  // namespace lambda::local
