/// The events that S3 sends to a function when an object was put into a bucket.
#pragma once

#include <optional>
#include <string>

#include "runtime/context.hpp"

namespace lambda::event {

/// `s3://bucket/key` of the object that a notification is about,
/// `{"Records": [{"s3": {"bucket": {"name": ...}, "object": {"key": ...}}}]}`; nothing if the event
/// has no `Records`. The key arrives encoded as in a form, with `+` for a space.
///
/// Throws HandlerError "InvalidEvent", one line, for a notification of anything but one object, or
/// of one that was removed. **Thread safety**: any thread.
[[nodiscard]] std::optional<std::string> s3_notification(const Event& event);

}  // namespace lambda::event
