#include "jobs.hpp"

#include <tbb/parallel_sort.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <restinio/uri_helpers.hpp>
#include <span>
#include <utility>
#include <vector>

#include "bcrypt/password_hash.hpp"
#include "compute/stop.hpp"
#include "event/fields.hpp"
#include "image_filter/filters.hpp"
#include "image_filter/png.hpp"
#include "image_filter/request.hpp"
#include "runtime/error.hpp"
#include "statistics/statistics.hpp"
#include "text/json.hpp"

namespace service {
namespace {

using nlohmann::json;

// An image of so many pixels takes 64 MB as RGBA; each worker may have some of them.
constexpr std::uint64_t most_pixels = 16'000'000;

constexpr std::array<double, 5> percentiles{50, 90, 95, 99, 99.9};

// Deeper than any right body, so that a wrong one can be shown. Its length is the router's to
// check.
constexpr lambda::text::JsonLimits limits{.max_bytes = std::numeric_limits<std::size_t>::max(),
                                          .max_depth = 32};

json parse_json(std::string_view body) {
  auto [value, flaw] = lambda::text::read_json(body, limits);
  if (!flaw.empty()) throw Refusal(400, "the body " + flaw);
  return std::move(value);
}

Reply json_reply(const json& body) {
  return {200, "application/json", body.dump() + '\n', {}};
}

// The Lambda handler's own reading, so that both have the same names, ranges and messages.
lambda::image_filter::Filter parse_filter(std::string_view query) {
  json event = {{"input", "request"}, {"output", "reply"}};
  try {
    for (const auto& [name, value] :
         restinio::parse_query(restinio::string_view_t(query.data(), query.size()))) {
      const std::string field(name);
      if (field != "filter" && field != "sigma" && field != "amount") {
        throw Refusal(400, "unknown parameter \"" + field + "\"; must be filter, sigma or amount");
      }
      const std::string text(value);
      double number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      const bool is_number = error == std::errc{} && end == text.data() + text.size();
      event[field] = field != "filter" && is_number ? json(number) : json(text);
    }
  } catch (const restinio::exception_t&) {
    throw Refusal(400, "the query can't be read; must be e.g. filter=gaussian_blur&sigma=2");
  }
  const auto no_environment = [](const char*) -> const char* { return nullptr; };
  return lambda::image_filter::parse_request(event, no_environment).jobs.front().filter;
}

double percentile(std::span<const double> sorted, double percent) {
  const double at = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const double share = at - std::floor(at);
  if (share == 0) return sorted[below];
  return sorted[below] + share * (sorted[below + 1] - sorted[below]);
}

std::vector<double> parse_numbers(std::string_view body) {
  const json array = parse_json(body);
  if (!array.is_array() || array.empty()) {
    throw Refusal(400, "the body must be an array of numbers, at least one");
  }
  std::vector<double> numbers;
  numbers.reserve(array.size());
  for (const json& value : array) {
    if (!value.is_number()) {
      throw Refusal(400, '[' + std::to_string(numbers.size()) + "] must be a number, not " +
                             lambda::event::show(value));
    }
    numbers.push_back(value.get<double>());
  }
  return numbers;
}

std::string name_of(double percent) {
  std::array<char, 16> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), percent).ptr};
}

}  // namespace

Reply hash(const Request& request, const std::stop_token&) try {
  constexpr std::size_t longest = 72;  // bcrypt itself looks at no more
  const json body = parse_json(request.body);
  lambda::event::allow_only(body, {"password", "cost"});
  const auto password = body.find("password");
  if (password == body.end() || !password->is_string()) {
    throw Refusal(400, R"("password" must be a text)");
  }
  const auto& text = password->get_ref<const std::string&>();
  if (text.empty() || text.size() > longest || text.find('\0') != std::string::npos) {
    throw Refusal(400, R"("password" must have 1 to 72 bytes, none of them NUL)");
  }
  const int cost =
      body.contains("cost")
          ? static_cast<int>(lambda::event::whole_number(body, "cost", least_cost, most_cost))
          : lambda::bcrypt::default_cost;
  return json_reply({{"cost", cost}, {"hash", lambda::bcrypt::hash_password(text, cost)}});
} catch (const lambda::HandlerError& error) {
  if (error.error_type() != "Function.InvalidEvent") throw;
  throw Refusal(400, error.what());
}

Reply filter(const Request& request, const std::stop_token& stop) try {
  namespace image = lambda::image_filter;
  const auto what = parse_filter(request.query);
  image::PngLimits limits;
  limits.max_pixels = most_pixels;
  auto pixels = image::decode_png(request.body, limits, stop);
  pixels = image::apply_filter(std::move(pixels), what, stop);
  return {200, "image/png", image::encode_png(pixels, stop), {}};
} catch (const lambda::image_filter::ImageError& error) {
  throw Refusal(400, error.what());
} catch (const lambda::HandlerError& error) {
  throw Refusal(400, error.what());
}

Reply stats(const Request& request, const std::stop_token& stop) {
  std::vector<double> numbers = parse_numbers(request.body);
  lambda::compute::throw_if_stopped(stop);
  const auto summary = lambda::statistics::compute_statistics(numbers);
  if (!std::isfinite(summary.mean) || !std::isfinite(summary.std_dev)) {
    throw Refusal(400, "the numbers are too large: their mean or standard deviation is none");
  }
  tbb::parallel_sort(numbers);
  lambda::compute::throw_if_stopped(stop);
  json shares = json::object();
  for (const double percent : percentiles) shares[name_of(percent)] = percentile(numbers, percent);
  return json_reply({{"count", summary.count},
                     {"mean", summary.mean},
                     {"std_dev", summary.std_dev},
                     {"min", numbers.front()},
                     {"max", numbers.back()},
                     {"percentiles", std::move(shares)}});
}

}  // namespace service
