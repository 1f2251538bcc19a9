#include "io/location.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <system_error>

#include "io/error.hpp"
#include "text/utf8.hpp"

namespace lambda::io {
namespace {

constexpr std::string_view s3_prefix = "s3://";
constexpr std::string_view dynamodb_prefix = "dynamodb://";

std::string percent_decoded(std::string_view text, const std::string& name) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned char byte = 0;
    const auto digits = text.substr(i + 1, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) {
      throw Error{name + " holds a % that two hexadecimal digits don't follow"};
    }
    decoded += static_cast<char>(byte);
    i += 2;
  }
  return decoded;
}

// "s3" of "s3://bucket/key"; empty if what is before "://" can't be a scheme.
std::string_view scheme_of(std::string_view text) {
  const auto scheme = text.substr(0, text.find("://"));
  const bool is_one =
      scheme.size() < text.size() &&
      std::all_of(
          scheme.begin(), scheme.end(),
          [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.'; });
  return is_one ? scheme : std::string_view{};
}

std::string supported(std::initializer_list<std::string_view> schemes) {
  std::string text = schemes.size() == 0 ? "a path or a file:// URL" : "a path, a file:// URL";
  for (const auto scheme : schemes) text += " or " + std::string{scheme} + "://...";
  return text;
}

void check_complete(std::string_view location, const std::string& name) {
  if (const auto object = s3_object(location);
      object && (object->bucket.empty() || object->key.empty())) {
    throw Error{name + " must name a bucket and a key, as in s3://bucket/key"};
  }
  if (const auto table = dynamodb_table(location); table && table->empty()) {
    throw Error{name + " must name a table, as in dynamodb://table"};
  }
}

}  // namespace

std::string parse_location(std::string_view text, const std::string& name,
                           std::initializer_list<std::string_view> schemes) {
  std::string location{text};
  const auto scheme = scheme_of(text);
  if (scheme == "file") {
    text.remove_prefix(std::string_view{"file://"}.size());
    if (text.starts_with("localhost/")) text.remove_prefix(text.find('/'));
    if (!text.starts_with('/')) {
      throw Error{name + " must be an absolute file URL such as file:///tmp/records.csv"};
    }
    location = percent_decoded(text, name);
  } else if (!scheme.empty() &&
             std::find(schemes.begin(), schemes.end(), scheme) == schemes.end()) {
    throw Error{name + " must be " + supported(schemes) + "; " + text::printable_excerpt(scheme) +
                ":// isn't supported"};
  }
  if (location.empty()) throw Error{name + " is empty"};
  if (location.find('\0') != std::string::npos) throw Error{name + " holds a NUL byte"};
  check_complete(location, name);
  return location;
}

std::optional<S3Object> s3_object(std::string_view location) {
  if (!location.starts_with(s3_prefix)) return std::nullopt;
  location.remove_prefix(s3_prefix.size());
  const auto slash = std::min(location.find('/'), location.size());
  const auto key = location.substr(std::min(slash + 1, location.size()));
  return S3Object{std::string{location.substr(0, slash)}, std::string{key}};
}

std::optional<std::string> dynamodb_table(std::string_view location) {
  if (!location.starts_with(dynamodb_prefix)) return std::nullopt;
  return std::string{location.substr(dynamodb_prefix.size())};
}

}  // namespace lambda::io
