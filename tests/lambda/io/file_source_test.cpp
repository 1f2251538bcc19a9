#include "io/file_source.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "io/blocking.hpp"
#include "io/error.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using namespace lambda;

namespace {

std::string error_of(const std::string& path) {
  io::FileSource source;
  return test::message_of<io::Error>([&] { return test::run(source.get(path)); });
}

}  // namespace

TEST_CASE("FileSource: gives the bytes of the file") {
  const test::TemporaryDirectory directory;
  io::FileSource source;
  const std::string text{"a\0b\r\n\xFF", 6};
  CHECK(test::run(source.get(directory.write("small", text))).view() == text);
  CHECK(test::run(source.get(directory.write("empty", ""))).view().empty());
  const std::string large(3'000'000, 'x');
  CHECK(test::run(source.get(directory.write("large", large))).view() == large);
}

TEST_CASE("FileSource: files of 4 MB and more are read by two threads, each byte once") {
  const test::TemporaryDirectory directory;
  io::FileSource source;
  constexpr std::size_t two_threads = std::size_t{4} << 20;
  for (const auto size : {two_threads - 1, two_threads, two_threads + 1, 3 * two_threads + 7}) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 2654435761U) >> 13U);
    const auto path = directory.write("file", text);
    const bool equal = test::run(source.get(path)).view() == text;
    INFO("size: " << size);
    CHECK(equal);
  }
}

TEST_CASE("FileSource: one line that names the path and the reason") {
  const test::TemporaryDirectory directory;
  const auto missing = directory.file("missing.csv");
  CHECK(error_of(missing) == missing + ": No such file or directory");
  CHECK(error_of(directory.file("")) == directory.file("") + ": Is a directory");
  const auto beneath = directory.write("file", "") + "/x";
  CHECK(error_of(beneath) == beneath + ": Not a directory");
  CHECK(error_of("") == "the path of the input file is empty");
  CHECK(error_of(std::string{"a\0b", 3}) == "the path of the input file holds a NUL byte");
}

TEST_CASE("FileSource: a file that may not be read is refused") {
  if (::geteuid() == 0) return;  // root may read everything
  const test::TemporaryDirectory directory;
  const auto path = directory.write("secret", "x");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  CHECK(error_of(path) == path + ": Permission denied");
}

TEST_CASE("FileSource: a FIFO without a writer is refused, not waited for") {
  const test::TemporaryDirectory directory;
  const auto path = directory.file("fifo");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(error_of(path) == path + ": Not a regular file");
}

TEST_CASE("run_blocking: runs on another thread and comes back to the loop's") {
  std::thread::id inside;
  std::thread::id after;
  const auto work = [&]() -> asio::awaitable<int> {
    const int value = co_await io::run_blocking([&] {
      inside = std::this_thread::get_id();
      return 7;
    });
    after = std::this_thread::get_id();
    co_return value;
  };
  CHECK(test::run(work()) == 7);
  CHECK(inside != std::this_thread::get_id());
  CHECK(after == std::this_thread::get_id());
}

namespace {

struct Shared {
  std::atomic<bool> started{false};
  std::atomic<bool> go{false};
  std::weak_ptr<int> frame;
  bool frame_destroyed_before_services = false;
};

// Lets the call go on when the context shuts its services down, newest first: so this one before
// BlockingThread, and nothing that runs on the context after it.
class GoAtShutdown : public asio::execution_context::service {
 public:
  using key_type = GoAtShutdown;
  inline static asio::execution_context::id id;
  GoAtShutdown(asio::execution_context& context, Shared& shared)
      : service(context), shared_(shared) {}
  ~GoAtShutdown() override { shared_.frame_destroyed_before_services = shared_.frame.expired(); }

 private:
  void shutdown() override {
    shared_.go = true;
    shared_.go.notify_one();
  }
  Shared& shared_;
};

}  // namespace

TEST_CASE("run_blocking: a context that is destroyed meanwhile waits, then destroys the frame") {
  Shared shared;
  bool ended = false;
  bool resumed = false;
  auto in_frame = std::make_shared<int>(7);
  shared.frame = in_frame;
  {
    asio::io_context context{1};
    const auto work = [&](std::shared_ptr<int> borrowed) -> asio::awaitable<void> {
      co_await io::run_blocking([&] {
        shared.started = true;
        shared.started.notify_one();
        shared.go.wait(false);
        ended = *borrowed == 7;  // lives in the frame, which must not be destroyed before this
        return 0;
      });
      resumed = true;
    };
    asio::co_spawn(context, work(std::move(in_frame)), asio::detached);
    context.poll();
    shared.started.wait(false);
    asio::make_service<GoAtShutdown>(context, shared);
  }
  CHECK(ended);
  CHECK_FALSE(resumed);
  // Whatever else is in the frame, a timer say, still had its service to say goodbye to.
  CHECK(shared.frame_destroyed_before_services);
}
