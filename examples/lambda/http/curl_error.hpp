/// libcurl's results as error codes.
#pragma once

#include <curl/curl.h>

#include <system_error>

namespace lambda {

/// Of `http_category()`.
[[nodiscard]] std::error_code http_error(CURLcode code);

}  // namespace lambda
