#include "statistics/request.hpp"

#include <string>
#include <utility>

#include "event/fields.hpp"
#include "text/utf8.hpp"

namespace lambda::statistics {
namespace {

std::string at(const std::string& array, std::size_t index) {
  return array + "[" + std::to_string(index) + "]";
}

// `what` is about the array, e.g. "an array of points".
void require_array(const nlohmann::json& value, const std::string& where, const std::string& what) {
  if (!value.is_array()) {
    event::refuse(where + " must be " + what + ", not " + event::show(value));
  }
  if (value.empty()) event::refuse(where + " is empty; it must be " + what + ", at least one");
}

std::vector<double> parse_values(const nlohmann::json& values, const std::string& where) {
  require_array(values, where, "an array of numbers");
  std::vector<double> numbers;
  numbers.reserve(values.size());
  for (const auto& value : values) {
    if (!value.is_number()) {
      event::refuse(at(where, numbers.size()) + " must be a number, not " + event::show(value));
    }
    numbers.push_back(value.get<double>());
  }
  return numbers;
}

std::vector<double> parse_point(const nlohmann::json& point, const std::string& where) {
  if (!point.is_object()) {
    event::refuse(where + " must be an object with values, not " + event::show(point));
  }
  const nlohmann::json* values = nullptr;
  for (const auto& [field, value] : point.items()) {
    if (field == "values") {
      values = &value;
    } else if (field != "metadata") {
      event::refuse("unknown field \"" + text::printable_excerpt(field) + "\" in " + where +
                    "; it may have values and metadata");
    } else if (!value.is_string()) {
      event::refuse(where + ".metadata must be a string, not " + event::show(value));
    }
  }
  if (values == nullptr) {
    event::refuse(where + ".values is missing; it must be an array of numbers");
  }
  return parse_values(*values, where + ".values");
}

}  // namespace

Request parse_request(const Event& event) {
  event::allow_only(event, {"data", "algorithm"});
  const bool standard = event::choice(event, "algorithm", {"standard", "advanced"}) == 0;
  const auto data = event.find("data");
  if (data == event.end()) event::refuse("\"data\" is missing; it must be an array of points");
  require_array(*data, "\"data\"", "an array of points");
  Request request{{}, standard ? Algorithm::standard : Algorithm::advanced};
  request.points.reserve(data->size());
  for (const auto& point : *data) {
    request.points.push_back(parse_point(point, at("data", request.points.size())));
  }
  return request;
}

}  // namespace lambda::statistics
