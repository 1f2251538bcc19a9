// Writes the example's input file.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "data/medical_records.hpp"

namespace {

constexpr std::string_view usage =
    "usage: generate-medical-records --rows N --output PATH [--seed S]\n";

struct Arguments {
  std::uint64_t rows = 0;
  std::uint64_t seed = 1;
  std::string output;
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::uint64_t parse_count(std::string_view option, std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    throw UsageError{std::string{option} + " must be a whole number from 0 to 2^64 - 1, not \"" +
                     std::string{text} + '"'};
  }
  return value;
}

Arguments parse_arguments(int argc, char** argv) {
  Arguments arguments;
  bool has_rows = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option{argv[i]};
    if (option != "--rows" && option != "--output" && option != "--seed") {
      throw UsageError{"unknown argument \"" + std::string{option} + '"'};
    }
    if (++i == argc) throw UsageError{std::string{option} + " needs a value"};
    if (option == "--output") {
      arguments.output = argv[i];
    } else if (option == "--seed") {
      arguments.seed = parse_count(option, argv[i]);
    } else {
      arguments.rows = parse_count(option, argv[i]);
      has_rows = true;
    }
  }
  if (!has_rows) throw UsageError{"--rows is missing"};
  if (arguments.output.empty()) throw UsageError{"--output is missing"};
  return arguments;
}

volatile std::sig_atomic_t interrupted = 0;

// A file beside the wanted one that takes its name when it is complete, so that nobody ever
// reads half of it.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path)
      : path_(path),
        temporary_(path + ".partial." + std::to_string(::getpid())),
        descriptor_(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) fail();
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!kept_) ::unlink(temporary_.c_str());
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR && interrupted == 0) continue;
      if (written < 0) fail();
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void keep() {
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0 || std::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
    kept_ = true;
  }

 private:
  [[noreturn]] void fail() const {
    throw std::runtime_error{path_ + ": " + std::generic_category().message(errno)};
  }

  std::string path_;
  std::string temporary_;
  int descriptor_;
  bool kept_ = false;
};

void generate(const Arguments& arguments) {
  constexpr std::size_t buffer_bytes = 1024 * 1024;
  AtomicFile file{arguments.output};
  lambda::data::MedicalRecords records{arguments.seed};
  std::string csv{lambda::data::medical_records_header};
  csv.reserve(buffer_bytes + 256);
  for (std::uint64_t row = 0; row < arguments.rows; ++row) {
    records.append_row(csv);
    if (csv.size() < buffer_bytes) continue;
    if (interrupted != 0) throw std::runtime_error{"interrupted; nothing is left behind"};
    file.write(csv);
    csv.clear();
  }
  file.write(csv);
  file.keep();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto arguments = parse_arguments(argc, argv);
    std::signal(SIGINT, [](int) { interrupted = 1; });
    std::signal(SIGTERM, [](int) { interrupted = 1; });
    generate(arguments);
    return 0;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "generate-medical-records: %s\n%s", error.what(), usage.data());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "generate-medical-records: %s\n", error.what());
    return interrupted != 0 ? 130 : 1;
  }
}
