#include "bcrypt/request.hpp"

#include "event/fields.hpp"

namespace lambda::bcrypt {

Request parse_request(const Event& event, int workers) {
  event::allow_only(event, {"count", "mode"});
  const auto count = static_cast<std::size_t>(event::whole_number(event, "count", 1, 1000));
  switch (event::choice(event, "mode", {"parallel", "sequential", "auto"})) {
    case 0:
      return {count, Mode::parallel};
    case 1:
      return {count, Mode::sequential};
    default:
      return {count, workers >= 2 && count >= 2 ? Mode::parallel : Mode::sequential};
  }
}

}  // namespace lambda::bcrypt
