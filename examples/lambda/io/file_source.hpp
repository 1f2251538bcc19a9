// An ObjectSource whose locations are paths of local files.
#pragma once

#include <string>

#include "io/object_source.hpp"

namespace lambda::io {

// Blocking; what FileSource runs off the loop, and what a command-line tool may call directly.
[[nodiscard]] Bytes read_file(const std::string& path);

class FileSource final : public ObjectSource {
 public:
  [[nodiscard]] asio::awaitable<Bytes> get(std::string location) override;
};

}  // namespace lambda::io
