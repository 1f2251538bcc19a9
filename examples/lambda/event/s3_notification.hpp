/// The events that S3 itself sends when an object was created:
/// `{"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "url-encoded+key"}}}]}`.
///
/// Every function here throws `HandlerError("InvalidEvent", ...)`, one line, and is safe on any
/// thread.
#pragma once

#include <string>
#include <vector>

#include "event/fields.hpp"
#include "io/location.hpp"
#include "runtime/context.hpp"

namespace lambda::event {

/// Whether an event is meant as one: it has `Records`.
[[nodiscard]] bool is_s3_notification(const Event& event);

/// The objects that it is about, in order, keys decoded: S3 sends them form-encoded, `+` for a
/// blank and `%41` for any other byte. Refuses the notification of an object that was removed.
[[nodiscard]] std::vector<io::S3Object> notified_objects(const Event& event);

struct ObjectPair {
  std::string input;   ///< `s3://bucket/key`
  std::string output;  ///< `s3://output-bucket/processed/key`

  bool operator==(const ObjectPair&) const = default;
};

/// Each of the objects with the place for what is made of it, in the bucket that `variable` names.
///
/// Refuses what lies in that bucket under `processed/` already: a function that is notified of its
/// own output would call itself for ever.
[[nodiscard]] std::vector<ObjectPair> notified_pairs(const Event& event, const char* variable,
                                                     const Environment& environment);

}  // namespace lambda::event
