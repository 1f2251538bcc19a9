#pragma once

#include <exception>
#include <new>
#include <system_error>

#include "millrace/concepts.hpp"
#include "millrace/detail/handler.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {

// What the metrics hear of a job that never ran, and what its operation completes with.
[[nodiscard]] inline Unstarted reason_of(job::end why) noexcept {
  switch (why) {
    case job::end::expired:
      return Unstarted::expired;
    case job::end::refused:
    case job::end::rejected:
    case job::end::starved:
      return Unstarted::rejected;
    default:
      return Unstarted::cancelled;
  }
}
[[nodiscard]] inline std::exception_ptr error_of(job::end why) noexcept {
  try {
    switch (why) {
      case job::end::expired:
        throw std::system_error(make_error_code(errc::deadline_exceeded));
      case job::end::refused:
        throw std::system_error(make_error_code(errc::pool_shut_down));
      case job::end::rejected:
        throw std::system_error(make_error_code(errc::queue_full));
      case job::end::starved:
        throw std::bad_alloc();
      default:
        throw std::system_error(operation_aborted());
    }
  } catch (...) {
    return std::current_exception();  // std::bad_alloc, if there is no memory for the message
  }
}

}  // namespace millrace::detail
