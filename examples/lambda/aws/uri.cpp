#include "aws/uri.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>

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

using UrlHandle = std::unique_ptr<CURLU, decltype([](CURLU* url) { curl_url_cleanup(url); })>;

/// Nothing where the URL has no such part.
std::optional<std::string> part(const UrlHandle& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) return std::nullopt;
  const std::unique_ptr<char, decltype([](char* memory) { curl_free(memory); })> owner{text};
  return std::string{text};
}

/// Nothing if the text is no URL, or says more than where a server is.
std::optional<Endpoint> parse_origin(std::string_view text) {
  const UrlHandle url{curl_url()};
  if (!url) throw std::bad_alloc{};
  if (text.find('\0') != std::string_view::npos) return std::nullopt;  // curl would end there
  if (curl_url_set(url.get(), CURLUPART_URL, std::string{text}.c_str(), CURLU_DISALLOW_USER) !=
      CURLUE_OK) {
    return std::nullopt;
  }
  for (const auto more : {CURLUPART_ZONEID, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    if (part(url, more)) return std::nullopt;
  }
  if (part(url, CURLUPART_PATH) != "/") return std::nullopt;
  Endpoint endpoint{part(url, CURLUPART_SCHEME).value_or(""),
                    part(url, CURLUPART_HOST).value_or("")};
  const bool usable =
      (endpoint.scheme == "http" || endpoint.scheme == "https") && !endpoint.host.empty() &&
      std::all_of(endpoint.host.begin(), endpoint.host.end(),
                  [](char c) { return is_plain(c) || c == ':' || c == '[' || c == ']'; });
  if (!usable) return std::nullopt;
  // The scheme's own is no part of the Host header, which is signed.
  if (const auto port = part(url, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT)) {
    endpoint.host += ':' + *port;
  }
  return endpoint;
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
  auto endpoint = parse_origin(text);
  if (!endpoint) {
    // What stands before an @ may be a password.
    const bool showable = text.find('@') == std::string_view::npos;
    throw io::Error{name + " must be an address such as http://127.0.0.1:8000" +
                    (showable ? ", not " + text::printable_excerpt(text) : "")};
  }
  return *std::move(endpoint);
}

}  // namespace lambda::aws
