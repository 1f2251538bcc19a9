#include "image_filter/request.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <system_error>

#include "event/s3_notification.hpp"
#include "runtime/error.hpp"
#include "text/utf8.hpp"

namespace lambda::image_filter {
namespace {

constexpr std::string_view names =
    "\"grayscale\", \"invert\", \"gaussian_blur\", \"sobel\" or \"sharpen\"";
constexpr std::array<std::string_view, 5> filters{"grayscale", "invert", "gaussian_blur", "sobel",
                                                  "sharpen"};

// Nothing if it is unset, or empty: Lambda's console can't unset a variable.
std::optional<std::string_view> value_of(const char* variable,
                                         const event::Environment& environment) {
  const char* const value = environment(variable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

template <class Number>
Number number_of(const char* variable, const event::Environment& environment, Number least,
                 Number most, Number fallback) {
  const auto text = value_of(variable, environment);
  if (!text) return fallback;
  Number value{};
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  // Written so that NaN is refused as well.
  const bool in_range = value >= least && value <= most;
  if (error != std::errc{} || end != text->data() + text->size() || !in_range) {
    throw HandlerError{"InvalidConfiguration", std::string{variable} + " must be a number from " +
                                                   nlohmann::json(least).dump() + " to " +
                                                   nlohmann::json(most).dump() + ", not \"" +
                                                   text::printable_excerpt(*text) + '"'};
  }
  return value;
}

FilterKind parse_kind(const Event& event, const event::Environment& environment) {
  constexpr auto* variable = "IMAGE_FILTER_FILTER";
  const auto set = value_of(variable, environment);
  if (!event.contains("filter") && set) {
    const auto* const found = std::find(filters.begin(), filters.end(), *set);
    if (found == filters.end()) {
      throw HandlerError{"InvalidConfiguration", std::string{variable} + " must be " +
                                                     std::string{names} + ", not \"" +
                                                     text::printable_excerpt(*set) + '"'};
    }
    return static_cast<FilterKind>(found - filters.begin());
  }
  return static_cast<FilterKind>(
      event::choice(event, "filter", {filters[0], filters[1], filters[2], filters[3], filters[4]}));
}

Filter parse_filter(const Event& event, const event::Environment& environment) {
  Filter filter;
  filter.kind = parse_kind(event, environment);
  const bool has_sigma =
      filter.kind == FilterKind::gaussian_blur || filter.kind == FilterKind::sharpen;
  const bool has_amount = filter.kind == FilterKind::sharpen;
  const auto look = [&](const char* field, const char* variable, bool is_used, double least,
                        double most) {
    if (event.contains(field) && !is_used) {
      event::refuse('"' + std::string{field} + "\" has no meaning for the filter \"" +
                    std::string{name_of(filter.kind)} + '"');
    }
    return event::number(event, field, least, most,
                         number_of(variable, environment, least, most, 1.0));
  };
  filter.sigma = look("sigma", "IMAGE_FILTER_SIGMA", has_sigma, 0.3, 50);
  filter.amount = look("amount", "IMAGE_FILTER_AMOUNT", has_amount, 0, 10);
  return filter;
}

PngLimits parse_limits(const event::Environment& environment) {
  PngLimits limits;
  // Above that the sizes of two images no longer fit Lambda's largest memory.
  constexpr std::uint64_t most_pixels = 1'000'000'000;
  constexpr std::size_t most_bytes = std::size_t{4} << 30;
  limits.max_pixels = number_of<std::uint64_t>("IMAGE_FILTER_MAX_PIXELS", environment, 1,
                                               most_pixels, limits.max_pixels);
  limits.max_bytes = number_of<std::size_t>("IMAGE_FILTER_MAX_BYTES", environment, 1, most_bytes,
                                            limits.max_bytes);
  return limits;
}

}  // namespace

std::string_view name_of(FilterKind kind) {
  return filters[static_cast<std::size_t>(kind)];
}

Request parse_request(const Event& event, const event::Environment& environment) {
  Request request;
  request.is_notification = event::is_s3_notification(event);
  if (request.is_notification) {
    // Nothing in a notification says what to do with the image.
    const auto nothing = Event::object();
    const auto filter = parse_filter(nothing, environment);
    const auto limits = parse_limits(environment);
    for (auto& [input, output] :
         event::notified_pairs(event, "IMAGE_FILTER_OUTPUT_BUCKET", environment)) {
      request.jobs.push_back({std::move(input), std::move(output), filter, limits});
    }
    return request;
  }
  event::allow_only(event, {"input", "output", "filter", "sigma", "amount"});
  request.jobs.push_back(
      {event::location(event, "input", {"s3"}, "IMAGE_FILTER_INPUT", environment),
       event::location(event, "output", {"s3"}, "IMAGE_FILTER_OUTPUT", environment),
       parse_filter(event, environment), parse_limits(environment)});
  return request;
}

}  // namespace lambda::image_filter
