// Events: whatever the bytes, they are parsed or refused in one line.
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include "check.hpp"
#include "csv_etl/request.hpp"
#include "runtime/error.hpp"
#include "runtime/runtime.hpp"
#include "text/utf8.hpp"

namespace {

void check_message(const std::string& message) {
  fuzz::require(!message.empty() && message.size() < 600, "an error is one line");
  fuzz::require(lambda::text::is_valid_utf8(message), "an error is UTF-8");
}

void parse_request(const lambda::Event& event) {
  try {
    const auto request = lambda::csv_etl::parse_request(
        event, [](const char*) -> const char* { return "s3://bucket/key"; });
    fuzz::require(!request.input.empty() && !request.output.empty(), "a location isn't empty");
  } catch (const lambda::HandlerError& error) {
    fuzz::require(error.error_type() == "Function.InvalidEvent", "the caller's fault");
    check_message(error.what());
  }
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
  parse_request(event);
  const std::string text = event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  fuzz::require(lambda::parse_event(text).dump() == text, "an event survives the way to text");
  return 0;
}
