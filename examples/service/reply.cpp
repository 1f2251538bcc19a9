#include "reply.hpp"

#include <nlohmann/json.hpp>

#include "text/utf8.hpp"

namespace service {

Reply error_reply(int status, std::string_view message) {
  constexpr std::size_t longest = 500;
  const nlohmann::json body = {{"error", lambda::text::printable_excerpt(message, longest)}};
  return {status, "application/json", body.dump() + '\n', {}};
}

}  // namespace service
