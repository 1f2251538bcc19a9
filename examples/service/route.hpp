/// Where requests go.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace service {

enum class Route { page, health, metrics, live, hash, filter, stats, unknown };

inline constexpr std::size_t routes = 8;

struct RouteInfo {
  std::string_view path;  ///< Also its name in metrics.
  std::string_view method;
  std::string_view content_type;  ///< Of the request's body; empty for none.
  bool computes = false;
};

inline constexpr std::array<RouteInfo, routes> route_table{{
    {"/", "GET", "", false},
    {"/healthz", "GET", "", false},
    {"/metrics", "GET", "", false},
    {"/live.json", "GET", "", false},
    {"/hash", "POST", "application/json", true},
    {"/filter", "POST", "image/png", true},
    {"/stats", "POST", "application/json", true},
    {"other", "", "", false},
}};

[[nodiscard]] constexpr const RouteInfo& info(Route route) {
  return route_table[static_cast<std::size_t>(route)];
}

[[nodiscard]] constexpr Route find_route(std::string_view path) {
  for (std::size_t i = 0; i + 1 < routes; ++i) {
    if (route_table[i].path == path) return static_cast<Route>(i);
  }
  return Route::unknown;
}

}  // namespace service
