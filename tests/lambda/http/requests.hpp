// What several of the HTTP client's tests send and look at.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "http/http_client.hpp"
#include "lambda/support/await.hpp"

namespace lambda::testing {

inline HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

/// The code of the `std::system_error` that `work` ends with; none if it ends well.
inline std::error_code error_of(asio::io_context& context, asio::awaitable<HttpResponse> work) {
  try {
    await(context, std::move(work));
  } catch (const std::system_error& e) {
    return e.code();
  }
  return {};
}

}  // namespace lambda::testing
