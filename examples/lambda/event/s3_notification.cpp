#include "event/s3_notification.hpp"

#include <charconv>
#include <cstddef>
#include <string_view>
#include <system_error>

#include "text/utf8.hpp"

namespace lambda::event {
namespace {

constexpr std::string_view processed = "processed/";

// The text at `path` below one record; `name` is for the message.
const std::string& text_at(const nlohmann::json& record, const nlohmann::json::json_pointer& path,
                           const std::string& name) {
  // at() and contains() throw or are false, as the case may be, where something isn't an object.
  if (!record.contains(path)) {
    refuse("\"" + name + path.to_string() + "\" is missing; an S3 notification has it");
  }
  const auto& value = record.at(path);
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    refuse("\"" + name + path.to_string() + "\" must be a text that isn't empty, not " +
           show(value));
  }
  return value.get_ref<const std::string&>();
}

// A function may also be notified of what was removed or restored: there is nothing to read then.
void check_created(const nlohmann::json& record, const std::string& name) {
  if (!record.is_object() || !record.contains("eventName")) return;
  const auto& event = text_at(record, nlohmann::json::json_pointer{"/eventName"}, name);
  if (event.find("ObjectCreated:") == std::string::npos) {
    refuse("\"" + name + "/eventName\" must be of an object that was created, not " + show(event));
  }
}

std::string form_decoded(const std::string& text, const std::string& name) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    unsigned char byte = 0;
    const auto digits = std::string_view{text}.substr(i + 1, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) {
      refuse("\"" + name + "\" holds a % that two hexadecimal digits don't follow: " +
             show(nlohmann::json(text)));
    }
    decoded += static_cast<char>(byte);
    i += 2;
  }
  // S3 takes keys of UTF-8 only, and a NUL byte would end the key early on its way.
  if (!text::is_valid_utf8(decoded) || decoded.find('\0') != std::string::npos) {
    refuse("\"" + name + "\" doesn't decode to a key: " + show(nlohmann::json(text)));
  }
  return decoded;
}

}  // namespace

bool is_s3_notification(const Event& event) {
  return event.is_object() && event.contains("Records");
}

std::vector<io::S3Object> notified_objects(const Event& event) {
  using Pointer = nlohmann::json::json_pointer;
  const auto& records = event.at("Records");
  if (!records.is_array() || records.empty()) {
    refuse("\"Records\" must be an array of at least one record, not " + show(records));
  }
  std::vector<io::S3Object> objects;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto name = "Records/" + std::to_string(i);
    check_created(records[i], name);
    const auto& bucket = text_at(records[i], Pointer{"/s3/bucket/name"}, name);
    const auto& key = text_at(records[i], Pointer{"/s3/object/key"}, name);
    objects.push_back({bucket, form_decoded(key, name + "/s3/object/key")});
  }
  return objects;
}

std::vector<ObjectPair> notified_pairs(const Event& event, const char* variable,
                                       const Environment& environment) {
  const char* const output_bucket = environment(variable);
  if (output_bucket == nullptr || *output_bucket == '\0') {
    refuse("no output bucket: an S3 notification needs " + std::string{variable} + " to be set");
  }
  std::vector<ObjectPair> pairs;
  for (const auto& [bucket, key] : notified_objects(event)) {
    const auto input = "s3://" + bucket + '/' + key;
    if (bucket == output_bucket && key.starts_with(processed)) {
      refuse(text::printable_excerpt(input) +
             " is output already; notify of objects outside of \"processed/\" only");
    }
    pairs.push_back(
        {input, "s3://" + std::string{output_bucket} + '/' + std::string{processed} + key});
  }
  return pairs;
}

}  // namespace lambda::event
