// Where an object or a table is: a path, or a URL such as s3://bucket/key.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace lambda::io {

// A location as sources and sinks take it: the path of a local file, or text that begins with one
// of the schemes and "://".
//
// `text` may be a path, a file:// URL, which becomes a path, or have one of `schemes`. `name` is
// what the caller knows the text by, for the message: a field of the event or a variable. What
// follows another scheme is taken as it stands: s3://bucket/a%20b is the key "a%20b", as AWS's own
// tools have it. Throws io::Error, one line.
[[nodiscard]] std::string parse_location(std::string_view text, const std::string& name,
                                         std::initializer_list<std::string_view> schemes);

struct S3Object {
  std::string bucket;
  std::string key;
};

// Nothing if the location isn't s3://...
[[nodiscard]] std::optional<S3Object> s3_object(std::string_view location);

// The table of dynamodb://TABLE; nothing if the location isn't one.
[[nodiscard]] std::optional<std::string> dynamodb_table(std::string_view location);

}  // namespace lambda::io
