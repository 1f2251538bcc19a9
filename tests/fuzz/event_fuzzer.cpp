// Events: whatever the bytes, they are parsed or refused in one line.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bcrypt/request.hpp"
#include "check.hpp"
#include "csv_etl/request.hpp"
#include "csv_transform/request.hpp"
#include "event/s3_notification.hpp"
#include "image_filter/request.hpp"
#include "runtime/error.hpp"
#include "runtime/runtime.hpp"
#include "statistics/request.hpp"
#include "text/utf8.hpp"

namespace {

void check_message(const std::string& message) {
  fuzz::require(!message.empty() && message.size() < 600, "an error is one line");
  fuzz::require(lambda::text::is_valid_utf8(message), "an error is UTF-8");
}

template <class Parse>
void refuses_in_one_line(Parse parse) {
  try {
    parse();
  } catch (const lambda::HandlerError& error) {
    fuzz::require(error.error_type() == "Function.InvalidEvent", "the caller's fault");
    check_message(error.what());
  }
}

// A location by default, and nothing that any of them reads as a number or a name.
const char* environment(const char* variable) {
  const std::string_view name = variable;
  if (name.ends_with("_OUTPUT_BUCKET")) return "results";
  return name.ends_with("PUT") ? "s3://bucket/key" : nullptr;
}

template <class Job>
void check_jobs(const std::vector<Job>& jobs) {
  fuzz::require(!jobs.empty(), "there is something to do");
  for (const auto& job : jobs) {
    fuzz::require(!job.input.empty() && !job.output.empty(), "a location isn't empty");
  }
}

void parse_requests(const lambda::Event& event) {
  refuses_in_one_line([&] {
    const auto request = lambda::csv_etl::parse_request(event, environment);
    fuzz::require(!request.input.empty() && !request.output.empty(), "a location isn't empty");
  });
  refuses_in_one_line([&] {
    const auto request = lambda::bcrypt::parse_request(event, 2);
    fuzz::require(request.count >= 1 && request.count <= 1000, "1 to 1000 items");
  });
  refuses_in_one_line([&] {
    const auto request = lambda::statistics::parse_request(event);
    fuzz::require(!request.points.empty(), "there is a point");
    for (const auto& values : request.points) {
      fuzz::require(!values.empty(), "a point has a value");
      for (const double value : values) fuzz::require(std::isfinite(value), "a value is finite");
    }
  });
  refuses_in_one_line(
      [&] { check_jobs(lambda::csv_transform::parse_request(event, environment).jobs); });
  refuses_in_one_line([&] {
    const auto request = lambda::image_filter::parse_request(event, environment);
    check_jobs(request.jobs);
    for (const auto& job : request.jobs) {
      fuzz::require(job.filter.sigma >= 0.3 && job.filter.sigma <= 50, "sigma's range");
      fuzz::require(job.filter.amount >= 0 && job.filter.amount <= 10, "amount's range");
    }
  });
  refuses_in_one_line([&] {
    if (!lambda::event::is_s3_notification(event)) return;
    for (const auto& object : lambda::event::notified_objects(event)) {
      fuzz::require(!object.bucket.empty() && !object.key.empty(), "an object has a name");
    }
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string payload(reinterpret_cast<const char*>(data), size);
  lambda::Event event;
  try {
    event = lambda::parse_event(payload);
  } catch (const std::invalid_argument&) {
    return 0;
  }
  parse_requests(event);
  const std::string text = event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  fuzz::require(lambda::parse_event(text).dump() == text, "an event survives the way to text");
  return 0;
}
