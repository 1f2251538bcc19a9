// compute-service: hashes, filters images and computes statistics over HTTP, while its loops go on
// answering. See docs/service.md.

#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <csignal>
#include <exception>
#include <iostream>
#include <memory>
#include <millrace/compute_pool.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ledger.hpp"
#include "live.hpp"
#include "options.hpp"
#include "router.hpp"
#include "runtime/log.hpp"
#include "server.hpp"

namespace service {
namespace {

/// All loops, from the first listening socket to the last answer. The first loop, on the thread of
/// `run`, has the signals and the clock besides.
class Service {
 public:
  explicit Service(const Options& options)
      : options_(options),
        pool_(options.pool),
        live_(first_, pool_),
        router_(options_, pool_, ledger_, live_),
        signals_(first_, SIGTERM, SIGINT),
        patience_(first_) {
    for (int i = 0; i < options.io_threads; ++i) loops_.push_back(std::make_unique<Loop>(*this, i));
  }

  void run() {
    std::uint16_t port = options_.port;
    for (auto& loop : loops_) {
      loop->server.open(port);
      port = loop->server.port();
    }
    std::cout << "listening on http://" << options_.address << ':' << port << std::endl;
    lambda::log_info("started", {{"port", port},
                                 {"ioThreads", options_.io_threads},
                                 {"workers", pool_.num_threads()},
                                 {"inline", options_.compute_inline}});
    live_.start();
    wait_for_signal();

    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < loops_.size(); ++i) {
      threads.emplace_back([&loop = *loops_[i]] { loop.context().run(); });
    }
    first_.run();
    for (auto& loop : loops_) loop->context().stop();
    threads.clear();
    auto totals = ledger_.totals();
    totals["computing"] = ledger_.computing_totals();
    lambda::log_info("stopped", totals);
  }

 private:
  struct Loop {
    Loop(Service& service, int index)
        : own(index == 0 ? nullptr : std::make_unique<asio::io_context>(1)),
          server(own ? *own : service.first_, service.options_, service.router_, service.ledger_,
                 service.live_),
          all(service) {}

    asio::io_context& context() { return own ? *own : all.first_; }

    std::unique_ptr<asio::io_context> own;
    Server server;
    Service& all;
  };

  void wait_for_signal() {
    signals_.async_wait([this](const std::error_code& error, int signal) {
      if (error) return;
      if (stopping_) end_at_once("second signal");
      lambda::log_info("stopping", {{"signal", signal}});
      stop();
      wait_for_signal();
    });
  }

  void stop() {
    stopping_ = true;
    undrained_ = loops_.size();
    patience_.expires_after(options_.stop_timeout);
    patience_.async_wait([this](const std::error_code& error) {
      if (!error) end_at_once("stop timeout");
    });
    for (auto& loop : loops_) {
      asio::post(loop->context(), [this, &loop = *loop] {
        loop.server.stop([this] {
          if (--undrained_ == 0) asio::post(first_, [this] { first_.stop(); });
        });
      });
    }
  }

  // Jobs may still run, and can't be waited for.
  [[noreturn]] void end_at_once(const char* why) {
    auto totals = ledger_.totals();
    totals["why"] = why;
    lambda::log_error("ended at once", totals);
    ::_exit(1);
  }

  Options options_;
  asio::io_context first_{1};
  millrace::ComputePool<> pool_;
  Ledger ledger_;
  Live live_;
  Router router_;
  asio::signal_set signals_;
  asio::steady_timer patience_;
  bool stopping_ = false;
  std::atomic<std::size_t> undrained_ = 0;
  std::vector<std::unique_ptr<Loop>> loops_;
};

}  // namespace
}  // namespace service

int main(int argc, char** argv) {
  try {
    const auto options = service::parse_options(std::vector<std::string>(argv + 1, argv + argc));
    if (options.help) {
      std::cout << service::usage();
      return 0;
    }
    service::Service(options).run();
    return 0;
  } catch (const std::invalid_argument& error) {
    std::cerr << "compute-service: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "compute-service: " << error.what() << '\n';
    return 1;
  }
}
