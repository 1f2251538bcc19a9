#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/http_client.hpp"

namespace lambda::testing {

/// A `local-runtime-api` of its own for one test, on any free port.
///
/// What it does is bounded: a call that isn't answered, a line that doesn't come or a process that
/// doesn't end fails the test after half a minute, and the destructor leaves nothing behind.
class LocalApi {
 public:
  explicit LocalApi(const std::vector<std::string>& arguments);
  ~LocalApi();
  LocalApi(const LocalApi&) = delete;
  LocalApi& operator=(const LocalApi&) = delete;

  /// Any thread.
  [[nodiscard]] HttpResponse call(const std::string& method, const std::string& path,
                                  const std::string& body = "", const HttpHeaders& headers = {});

  /// Calls the function. Any thread.
  [[nodiscard]] HttpResponse invoke(const std::string& event, const HttpHeaders& headers = {}) {
    return call("POST", "/2015-03-31/functions/function/invocations", event, headers);
  }

  /// Blocks until `text` has come `count` times on standard error, or nothing more can come.
  [[nodiscard]] bool wait_for_log(const std::string& text, int count = 1);
  [[nodiscard]] std::string log();

  /// Sends a signal to the server.
  void signal(int number) const;

  /// Blocks until the server has ended; `exit status N` or `signal N`.
  [[nodiscard]] std::string wait();

  /// Blocks until no process holds standard error open any more, bootstrap included.
  [[nodiscard]] bool wait_until_all_ended();

  /// Throws with what the server said if it ended instead of listening.
  [[nodiscard]] const std::string& url();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  void read_log();

  pid_t pid_ = -1;
  int output_ = -1;
  int log_pipe_ = -1;
  std::string url_;
  std::mutex mutex_;
  std::condition_variable log_grown_;
  std::string log_;
  bool log_ended_ = false;
  std::thread log_reader_;
};

}  // namespace lambda::testing
