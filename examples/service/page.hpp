/// The page at `/`: page.html, as it was when this was built.
#pragma once

#include <string_view>

namespace service {

[[nodiscard]] std::string_view page();

}  // namespace service
