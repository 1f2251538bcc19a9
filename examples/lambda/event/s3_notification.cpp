#include "event/s3_notification.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "event/fields.hpp"
#include "io/error.hpp"
#include "io/location.hpp"

namespace lambda::event {
namespace {

std::string form_decoded(const std::string& text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    unsigned char byte = 0;
    const char* const digits = text.data() + i + 1;
    const char* const end = text.data() + std::min(i + 3, text.size());
    const auto [stop, error] = std::from_chars(digits, end, byte, 16);
    if (error != std::errc{} || stop != digits + 2) {
      refuse(
          "the object's key in the S3 notification holds a % that two hexadecimal digits don't "
          "follow");
    }
    decoded += static_cast<char>(byte);
    i += 2;
  }
  return decoded;
}

// The text at a path of fields; refuses the notification without it.
const std::string& text_at(const nlohmann::json& record, std::string_view path) {
  const nlohmann::json* value = &record;
  std::string_view rest = path;
  while (!rest.empty()) {
    const auto name = rest.substr(0, rest.find('.'));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    const auto found = value->is_object() ? value->find(name) : value->end();
    if (!value->is_object() || found == value->end()) {
      refuse("the S3 notification lacks " + std::string{path});
    }
    value = &*found;
  }
  if (!value->is_string()) {
    refuse(std::string{path} + " of the S3 notification must be a string, not " + show(*value));
  }
  return value->get_ref<const std::string&>();
}

}  // namespace

std::optional<std::string> s3_notification(const Event& event) {
  if (!event.is_object()) return std::nullopt;
  const auto records = event.find("Records");
  if (records == event.end()) return std::nullopt;
  if (!records->is_array() || records->size() != 1) {
    refuse("\"Records\" must be a list of one S3 notification, not " + show(*records));
  }
  const auto& record = records->front();
  if (record.is_object() && record.contains("eventName")) {
    const auto& name = text_at(record, "eventName");
    if (name.find("ObjectCreated:") == std::string::npos) {
      refuse("the S3 notification must be of an object that was created, not " + show(name));
    }
  }
  std::string location = "s3://" + text_at(record, "s3.bucket.name") + '/';
  location += form_decoded(text_at(record, "s3.object.key"));
  try {
    return io::parse_location(location, "the object of the S3 notification", {"s3"});
  } catch (const io::Error& error) {
    refuse(error.what());
  }
}

}  // namespace lambda::event
