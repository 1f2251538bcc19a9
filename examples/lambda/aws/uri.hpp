/// The parts of an AWS request's URL. **Thread safety**: any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lambda::aws {

/// Percent-encodes every byte but letters, digits, `-`, `.`, `_` and `~`, as AWS wants it.
[[nodiscard]] std::string uri_encoded(std::string_view text);

/// As `uri_encoded`, but the slashes stay.
[[nodiscard]] std::string path_encoded(std::string_view path);

/// Names and values as they are meant, not encoded. `?uploads` is a name with an empty value.
using Query = std::vector<std::pair<std::string, std::string>>;

/// `a=1&b=`: encoded and in the order in which it is signed, which is the one that is sent, too.
[[nodiscard]] std::string canonical_query(const Query& query);

/// Where a service is.
struct Endpoint {
  std::string scheme;  ///< `http` or `https`.
  std::string host;    ///< With the port, unless it is the scheme's own.

  [[nodiscard]] std::string origin() const { return scheme + "://" + host; }
};

/// The endpoint of `http://host:port` or the like. `name` is what the caller knows the text by, for
/// the message. Throws io::Error, one line.
[[nodiscard]] Endpoint parse_endpoint(std::string_view text, const std::string& name);

}  // namespace lambda::aws
