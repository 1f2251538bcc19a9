#include "io/file_sink.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "io/error.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda::io;

namespace {

void put(const std::string& path, std::string_view bytes) {
  FileSink sink;
  auto work = [&]() -> asio::awaitable<bool> {
    co_await sink.put(path, bytes, "text/plain");
    co_return true;
  };
  static_cast<void>(test::run(work()));
}

std::string error_of(const std::string& path) {
  return test::message_of<Error>([&] { put(path, "x"); });
}

std::size_t files_in(const std::string& directory) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator{directory}, {}));
}

}  // namespace

TEST_CASE("file_sink: writes the bytes, all of them, and replaces what was there") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("out.bin");
  const std::string large(3'000'000, '\x80');
  put(path, large);
  CHECK(test::read(path) == large);
  put(path, "");
  CHECK(test::read(path).empty());
  CHECK(files_in(directory.file("")) == 1);
}

TEST_CASE("file_sink: the file has the rights that the umask leaves") {
  const test::TemporaryDirectory directory;
  const auto before = ::umask(0027);
  put(directory.file("out"), "x");
  ::umask(before);
  struct stat status{};
  REQUIRE(::stat(directory.file("out").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0640);
}

TEST_CASE("file_sink: what can't be written is said and leaves nothing behind") {
  const test::TemporaryDirectory directory;
  const auto missing = directory.file("no/such/dir");
  CHECK(error_of(missing) == missing + ": No such file or directory");
  CHECK(error_of("/dev/full") == "/dev/full: Not a regular file");
  const auto folder = directory.file("");
  CHECK(error_of(folder) == folder + ": Not a regular file");
  CHECK(error_of("") == "the path of the output file is empty");
  CHECK(error_of(std::string{"a\0b", 3}) == "the path of the output file holds a NUL byte");
  CHECK(files_in(folder) == 0);
}
