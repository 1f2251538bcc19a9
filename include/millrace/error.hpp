#pragma once

#include <string>
#include <system_error>

namespace millrace {

/// What the pool itself decides. A job's own exceptions are never translated into these.
enum class errc {
  /// The call would wait for something that can only happen after the call returns.
  would_deadlock = 3,
  /// `ComputeConfig::max_pending` jobs are pending, and `overflow` is `Overflow::reject`.
  queue_full,
  /// The job's deadline passed before it started.
  deadline_exceeded,
  /// The pool was shut down before the job started.
  pool_shut_down,
  /// The process was forked after the pool was made: the child has none of its workers.
  used_after_fork,
  /// The `ComputeHandle` was awaited before, or has no job.
  handle_spent,
  /// No pool is attached to the context of the executor, see `attach`.
  no_current_pool,
  /// The system doesn't let the workers have the CPUs or the nice value that the pool asks for.
  placement_refused,
};

/// The category of `errc`; its name is "millrace".
///
/// **Thread safety:** may be called from any thread.
[[nodiscard]] inline const std::error_category& error_category() noexcept {
  class category final : public std::error_category {
   public:
    [[nodiscard]] const char* name() const noexcept override { return "millrace"; }

    [[nodiscard]] std::string message(int code) const override {
      switch (static_cast<errc>(code)) {
        case errc::would_deadlock:
          return "the call would wait for itself";
        case errc::queue_full:
          return "the pool's queue is full";
        case errc::deadline_exceeded:
          return "the job's deadline passed before it started";
        case errc::pool_shut_down:
          return "the pool was shut down before the job started";
        case errc::used_after_fork:
          return "the process was forked after the pool was made";
        case errc::handle_spent:
          return "the handle was awaited before, or has no job";
        case errc::no_current_pool:
          return "no pool is attached to the context of the executor";
        case errc::placement_refused:
          return "the system doesn't let the workers be placed so";
      }
      return "unknown millrace error";
    }
  };
  static const category instance;
  return instance;
}

[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

}  // namespace millrace

template <>
struct std::is_error_code_enum<millrace::errc> : std::true_type {};
