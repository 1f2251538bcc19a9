/// How the synchronous middle of a handler gives up when it is told to.
#pragma once

#include <asio/error.hpp>
#include <stop_token>
#include <system_error>

namespace lambda::compute {

/// Throws what a cancelled Asio operation completes with: the code `operation_aborted`.
inline void throw_if_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) {
    throw std::system_error{std::error_code{asio::error::operation_aborted}};
  }
}

}  // namespace lambda::compute
