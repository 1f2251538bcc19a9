#include "aws/uri.hpp"

#include <algorithm>

#include "io/error.hpp"
#include "text/utf8.hpp"

namespace lambda::aws {
namespace {

bool is_plain(char c) {
  // Not isalnum, which asks the locale.
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::string encoded(std::string_view text, bool keep_slashes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    if (is_plain(c) || (keep_slashes && c == '/')) {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result += '%';
      result += digits[byte >> 4U];
      result += digits[byte & 15U];
    }
  }
  return result;
}

}  // namespace

std::string uri_encoded(std::string_view text) {
  return encoded(text, false);
}

std::string path_encoded(std::string_view path) {
  return encoded(path, true);
}

std::string canonical_query(const Query& query) {
  Query fields;
  for (const auto& [name, value] : query) {
    fields.emplace_back(uri_encoded(name), uri_encoded(value));
  }
  // AWS sorts the encoded text, not what is meant by it.
  std::sort(fields.begin(), fields.end());
  std::string text;
  for (const auto& [name, value] : fields) {
    if (!text.empty()) text += '&';
    text += name + '=' + value;
  }
  return text;
}

Endpoint parse_endpoint(std::string_view text, const std::string& name) {
  const auto separator = text.find("://");
  Endpoint endpoint;
  if (separator != std::string_view::npos) {
    endpoint.scheme = text.substr(0, separator);
    endpoint.host = text.substr(separator + 3);
  }
  if (endpoint.host.ends_with('/')) endpoint.host.pop_back();
  const bool usable = (endpoint.scheme == "http" || endpoint.scheme == "https") &&
                      !endpoint.host.empty() && endpoint.host.front() != ':' &&
                      std::all_of(endpoint.host.begin(), endpoint.host.end(), [](char c) {
                        return is_plain(c) || c == ':' || c == '[' || c == ']';
                      });
  if (!usable) {
    // What stands before an @ may be a password.
    const bool showable = text.find('@') == std::string_view::npos;
    throw io::Error{name + " must be an address such as http://127.0.0.1:8000" +
                    (showable ? ", not " + text::printable_excerpt(text) : "")};
  }
  // It isn't part of the Host header then, which is signed.
  const std::string own_port = endpoint.scheme == "http" ? ":80" : ":443";
  if (endpoint.host.ends_with(own_port)) {
    endpoint.host.resize(endpoint.host.size() - own_port.size());
  }
  return endpoint;
}

}  // namespace lambda::aws
