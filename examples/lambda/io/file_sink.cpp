#include "io/file_sink.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "io/blocking.hpp"
#include "io/error.hpp"

namespace lambda::io {
namespace {

[[noreturn]] void fail(const std::string& path, int error) {
  throw Error{path + ": " + std::generic_category().message(error)};
}

// A file without a reader yet: removed again unless it gets its name.
class UnnamedFile {
 public:
  explicit UnnamedFile(const std::string& path) : path_(path), name_(path + ".XXXXXX") {
    descriptor_ = ::mkostemp(name_.data(), O_CLOEXEC);
    if (descriptor_ < 0) fail(path_, errno);
  }
  UnnamedFile(const UnnamedFile&) = delete;
  UnnamedFile& operator=(const UnnamedFile&) = delete;
  ~UnnamedFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!named_) ::unlink(name_.c_str());
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void publish() {
    // mkostemp made it for its owner only; a file made by open() would be for whom the umask says.
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(descriptor_, 0666 & ~mask) != 0) fail(path_, errno);
    const int closed = ::close(std::exchange(descriptor_, -1));
    if (closed != 0) fail(path_, errno);
    if (::rename(name_.c_str(), path_.c_str()) != 0) fail(path_, errno);
    named_ = true;
  }

 private:
  std::string path_;
  std::string name_;
  int descriptor_ = -1;
  bool named_ = false;
};

}  // namespace

void write_file(const std::string& path, std::string_view bytes) {
  if (path.empty()) throw Error{"the path of the output file is empty"};
  if (path.find('\0') != std::string::npos) {
    throw Error{"the path of the output file holds a NUL byte"};
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    throw Error{path + ": Not a regular file"};
  }
  UnnamedFile file{path};
  file.write(bytes);
  file.publish();
}

asio::awaitable<void> FileSink::put(std::string location, std::string_view bytes, std::string) {
  // Named, not a temporary: see run_blocking.
  auto write = [path = std::move(location), bytes] { write_file(path, bytes); };
  co_await run_blocking(std::move(write));
}

}  // namespace lambda::io
