// What an ObjectSource or an ItemSink throws.
#pragma once

#include <stdexcept>

namespace lambda::io {

// The message is one line that names the object (a path, later a bucket and key) and the reason,
// so that it can be handed to the caller as it is.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace lambda::io
