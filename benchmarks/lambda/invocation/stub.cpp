// A Runtime API that answers at once, and a stopwatch.
//
//   invocation-stub WARM_UP COUNT KIND BYTES PROGRAM [ARGUMENT...]
//
// Starts the program with AWS_LAMBDA_RUNTIME_API set, gives it an event of about BYTES bytes
// WARM_UP and then COUNT times, and ends it. KIND is `records`, an array of small objects, or
// `text`, one string. The program must echo the event. Prints one line of JSON: `invocation_us`,
// from the first byte of the reply to /next to the last of the posted response, and `cycle_us`,
// from one reply to /next to the following: one number for each but the first.
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using asio::ip::tcp;
using nlohmann::json;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto patience = 60s;

double us_between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double, std::micro>(end - start).count();
}

// Printed without spaces, with sorted keys and no whole numbers among the others, so that whoever
// parses and prints it gets the same.
std::string event_of(std::string_view kind, std::size_t bytes) {
  if (kind == "text") return json{{"text", std::string(bytes - 11, 'x')}}.dump();
  constexpr std::size_t room = 50;  // for the last record and what is around them all
  auto records = json::array();
  for (std::size_t size = 0; size + room < bytes; size += records.back().dump().size() + 1) {
    const auto id = records.size();
    records.push_back({{"id", id},
                       {"name", "patient-" + std::to_string(id * 7919 % 10007)},
                       {"value", static_cast<double>(id % 997) / 8 + 0.0625}});
  }
  return json{{"records", std::move(records)}}.dump();
}

class Stub {
 public:
  Stub(asio::io_context& context, std::string event, int warm_up, int count)
      : context_(context),
        acceptor_(context, {asio::ip::address_v4::loopback(), 0}),
        event_(std::move(event)),
        warm_up_(warm_up),
        left_(warm_up + count) {}

  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

  asio::awaitable<void> accept() {
    for (;;) {
      auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
      socket.set_option(tcp::no_delay{true});
      asio::co_spawn(context_, serve(std::move(socket)), [this](std::exception_ptr error) {
        if (error != nullptr && left_ > 0) std::rethrow_exception(error);
      });
    }
  }

  [[nodiscard]] json times() const {
    return {{"invocation_us", invocations_}, {"cycle_us", cycles_}, {"bytes", event_.size()}};
  }

 private:
  asio::awaitable<void> serve(tcp::socket socket) {
    std::string received;
    for (;;) {
      const auto head = co_await asio::async_read_until(socket, asio::dynamic_buffer(received),
                                                        "\r\n\r\n", asio::use_awaitable);
      const bool is_next = received.starts_with("GET ");
      const auto body = content_length(std::string_view{received}.substr(0, head));
      if (received.size() < head + body) {
        const auto missing = head + body - received.size();
        co_await asio::async_read(socket, asio::dynamic_buffer(received),
                                  asio::transfer_exactly(missing), asio::use_awaitable);
      }
      const auto now = Clock::now();
      if (is_next) {
        if (left_ == 0) {
          context_.stop();
          co_return;
        }
        co_await give_event(socket);
      } else {
        take_response(std::string_view{received}.substr(head, body), now);
        co_await asio::async_write(
            socket,
            asio::buffer(std::string_view{"HTTP/1.1 202 Accepted\r\n"
                                          "Content-Type: application/json\r\n"
                                          "Content-Length: 0\r\n\r\n"}),
            asio::use_awaitable);
      }
      received.erase(0, head + body);
    }
  }

  asio::awaitable<void> give_event(tcp::socket& socket) {
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:f\r\n"
        "Lambda-Runtime-Deadline-Ms: 4102444800000\r\n"
        "Content-Length: " +
        std::to_string(event_.size()) + "\r\n\r\n";
    const auto now = Clock::now();
    if (warm_up_ < 0) cycles_.push_back(us_between(given_, now));
    given_ = now;
    const std::vector<asio::const_buffer> whole{asio::buffer(head), asio::buffer(event_)};
    co_await asio::async_write(socket, whole, asio::use_awaitable);
  }

  void take_response(std::string_view body, Clock::time_point now) {
    if (body != event_) {
      throw std::runtime_error{"the response isn't the event: " + std::string{body.substr(0, 200)}};
    }
    // The first that is measured has no cycle before it that is.
    if (warm_up_ < 0) invocations_.push_back(us_between(given_, now));
    --warm_up_;
    --left_;
  }

  static std::size_t content_length(std::string_view head) {
    std::string lower{head};
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return 'A' <= c && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const auto at = lower.find("\r\ncontent-length:");
    return at == std::string::npos ? 0 : std::strtoul(lower.c_str() + at + 17, nullptr, 10);
  }

  asio::io_context& context_;
  tcp::acceptor acceptor_;
  std::string event_;
  int warm_up_;
  int left_;
  Clock::time_point given_;
  std::vector<double> invocations_;
  std::vector<double> cycles_;
};

// Ended with this process, whatever happens to it. Its log is no part of what is measured.
pid_t start(char** program, const std::string& api) {
  ::setenv("AWS_LAMBDA_RUNTIME_API", api.c_str(), 1);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error{"fork failed"};
  if (child > 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool is_quiet = std::freopen("/dev/null", "w", stdout) != nullptr &&
                        std::freopen("/dev/null", "w", stderr) != nullptr;
  if (is_quiet && ::getppid() == parent) ::execvp(program[0], program);
  ::_exit(127);
}

int run(char** arguments) {
  asio::io_context context{1};
  Stub stub{context, event_of(arguments[2], std::strtoul(arguments[3], nullptr, 10)),
            std::atoi(arguments[0]), std::atoi(arguments[1])};
  const pid_t child = start(arguments + 4, stub.address());
  asio::co_spawn(context, stub.accept(), [](std::exception_ptr error) {
    if (error != nullptr) std::rethrow_exception(error);
  });
  asio::steady_timer timer{context, patience};
  bool is_late = false;
  timer.async_wait([&](std::error_code) {
    is_late = true;
    context.stop();
  });
  std::exception_ptr failure;
  try {
    context.run();
  } catch (...) {
    failure = std::current_exception();
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (failure != nullptr) std::rethrow_exception(failure);
  if (is_late) throw std::runtime_error{std::string{arguments[4]} + " is too slow, or has ended"};
  std::cout << stub.times().dump() << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::cerr << "usage: invocation-stub WARM_UP COUNT records|text BYTES PROGRAM [ARGUMENT...]\n";
    return 2;
  }
  try {
    return run(argv + 1);
  } catch (const std::exception& error) {
    std::cerr << "invocation-stub: " << error.what() << '\n';
    return 1;
  }
}
