#include <algorithm>
#include <cctype>

#include "http/http_client.hpp"

namespace lambda {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

}  // namespace

std::optional<std::string_view> HttpHeaders::find(std::string_view name) const {
  const auto match = std::find_if(fields_.rbegin(), fields_.rend(), [name](const Field& field) {
    return same_name(field.first, name);
  });
  if (match == fields_.rend()) return std::nullopt;
  return match->second;
}

}  // namespace lambda
