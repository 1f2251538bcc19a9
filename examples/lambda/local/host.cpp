#include "host.hpp"

#include <csignal>
#include <iostream>

namespace lambda::local {

Host::Host(asio::io_context& context, const Options& options)
    : context_(context),
      options_(options),
      signals_(context, SIGINT, SIGTERM),
      deadline_timer_(context),
      stuck_timer_(context),
      queue_(options.timeout,
             {.started =
                  [](const std::string& id) {
                    std::cerr << "START RequestId: " + id + " Version: $LATEST\n";
                  },
              .finished = [this](const Report& done) { report(done); }},
             static_cast<std::size_t>(options.concurrency)),
      server_(context, options.port, queue_,
              {.expects_polls = [this] { return !supervisor_ || supervisor_->alive(); },
               .changed = [this] { on_change(); }}) {}

void Host::start() {
  on_signal();
  server_.open();
  std::cout << "listening on http://127.0.0.1:" << server_.port() << std::endl;
  if (options_.command.empty()) return;
  const std::string api = "127.0.0.1:" + std::to_string(server_.port());
  supervisor_.emplace(
      context_, options_.program, options_.command,
      bootstrap_environment(api, options_.program, options_.env, options_.concurrency),
      SupervisorHooks{.started =
                          [this] {
                            server_.disown_connections();
                            queue_.process_started();
                            on_change();
                          },
                      .exited = [this](const std::string& how) { on_exit(how); }});
  supervisor_->start();
}

void Host::on_signal() {
  signals_.async_wait([this](const std::error_code& error, int) {
    if (error) return;
    on_signal();  // a second one kills at once
    if (supervisor_) {
      // Lambda doesn't warn a process that no extension asks it to.
      supervisor_->stop(server_.extension_registered(), [this] { context_.stop(); });
    } else {
      context_.stop();
    }
  });
}

void Host::on_exit(const std::string& how) {
  std::cerr << "local-runtime-api: bootstrap has ended (" + how + ")\n";
  queue_.process_exited(how, Clock::now());
  on_change();
}

void Host::on_change() {
  if (supervisor_ && queue_.has_polled()) supervisor_->healthy();
  set_deadline_timer();
  set_stuck_timer();
}

void Host::set_deadline_timer() {
  if (queue_.deadline() == deadline_) return;
  deadline_ = queue_.deadline();
  deadline_timer_.cancel();
  if (!deadline_) return;
  deadline_timer_.expires_after(*deadline_ - Clock::now());
  deadline_timer_.async_wait([this, expected = deadline_](const std::error_code& error) {
    // It may have fired just before its invocation ended.
    if (error || queue_.deadline() != expected) return;
    queue_.deadline_passed(Clock::now());
    if (supervisor_) supervisor_->kill();
    on_change();
  });
}

void Host::set_stuck_timer() {
  const bool stuck = supervisor_ && supervisor_->alive() && queue_.queued() > 0 &&
                     !queue_.running() && !queue_.waiting();
  if (stuck == stuck_timer_set_) return;
  stuck_timer_set_ = stuck;
  stuck_timer_.cancel();
  if (!stuck) return;
  stuck_timer_.expires_after(options_.init_timeout);
  stuck_timer_.async_wait([this](const std::error_code& error) {
    if (error || !stuck_timer_set_) return;
    stuck_timer_set_ = false;
    queue_.process_stuck(Clock::now());
    supervisor_->kill();
  });
}

void Host::report(const Report& done) {
  const std::string id = "RequestId: " + done.request_id;
  if (!done.note.empty()) std::cerr << done.note + "\n";
  std::string line = "END " + id + "\nREPORT " + id + '\t' + durations_text(done.duration);
  if (const auto kb = supervisor_ ? supervisor_->peak_memory_kb() : std::nullopt) {
    line += "\tMax Memory Used: " + std::to_string((*kb + 1023) / 1024) + " MB";
  }
  line += "\tStatus: " + done.status + "\n";
  std::cerr << line;
}

}  // namespace lambda::local
