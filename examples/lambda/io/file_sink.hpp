// An ObjectSink whose locations are paths of local files.
#pragma once

#include <string>
#include <string_view>

#include "io/object_sink.hpp"

namespace lambda::io {

// Blocking; what FileSink runs off the loop. Writes a file beside it first and renames that, so
// that a reader sees the old bytes or the new ones. A file has no content type.
void write_file(const std::string& path, std::string_view bytes);

class FileSink final : public ObjectSink {
 public:
  [[nodiscard]] asio::awaitable<void> put(std::string location, std::string_view bytes,
                                          std::string content_type) override;
};

}  // namespace lambda::io
