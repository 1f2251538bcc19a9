#include "text/json.hpp"

#include <utility>

#include "text/utf8.hpp"

namespace lambda::text {
namespace {

using nlohmann::json;

/// Whether brackets outside of strings nest deeper than `limit`; right for any text that is JSON.
bool nests_deeper(std::string_view text, std::size_t limit) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limit) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

JsonText read_json(std::string_view text, const JsonLimits& limits) {
  const auto flawed = [](std::string flaw) {
    return JsonText{json(json::value_t::discarded), std::move(flaw)};
  };
  if (text.size() > limits.max_bytes) {
    return flawed("is too long: " + std::to_string(text.size()) + " bytes; at most " +
                  std::to_string(limits.max_bytes) + " are allowed");
  }
  if (nests_deeper(text, limits.max_depth)) {
    return flawed("nests deeper than " + std::to_string(limits.max_depth) + " levels");
  }
  // The parser takes one for the end of the text, whatever follows it.
  if (text.find('\0') != text.npos) return flawed("is not JSON: it holds a NUL byte");
  try {
    return {json::parse(text), {}};
  } catch (const json::exception& error) {
    constexpr std::size_t most = 300;  // the parser quotes what it read last, all of it
    return flawed("is not JSON: " + printable_excerpt(error.what(), most));
  }
}

}  // namespace lambda::text
