#pragma once

#include <atomic>
#include <exception>

namespace test {

struct Injected : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "injected"; }
};

// Lets one operation of user code throw, the n-th while a job runs. What happens on the job's way
// to its worker and back isn't counted.
class Injection {
 public:
  static void at(int n) { left_ = n; }
  // Has there been an n-th?
  [[nodiscard]] static bool happened() { return left_ <= 0; }

  // In each operation that may throw.
  static void point() {
    if (running_ && --left_ == 0) throw Injected();
  }

  static void running(bool now) noexcept { running_ = now; }

 private:
  static inline std::atomic<int> left_{0};
  static inline std::atomic<bool> running_{false};
};

// An instrumentation policy that says when a job runs.
struct WhileItRuns {
  struct record {};
  explicit WhileItRuns(const auto& /*config*/) {}
  void submitted(record&) noexcept {}
  void started(record&) noexcept { Injection::running(true); }
  void finished(record&, bool) noexcept { Injection::running(false); }
};

// A number whose copies and moves may throw. Knows how many there are, and whether each is what was
// constructed, where it was constructed.
class Counted {
 public:
  explicit Counted(int n = 0) : value(n) {
    Injection::point();
    ++alive_;
  }
  Counted(const Counted& other) : value(other.value) {
    other.check();
    Injection::point();
    ++alive_;
  }
  Counted(Counted&& other) : value(other.value) {  // NOLINT: that it throws is the point
    other.check();
    Injection::point();
    other.value = moved_from;
    ++alive_;
  }
  Counted& operator=(const Counted& other) {
    check();
    other.check();
    Injection::point();
    value = other.value;
    return *this;
  }
  Counted& operator=(Counted&& other) {  // NOLINT
    check();
    other.check();
    Injection::point();
    value = other.value;
    if (this != &other) other.value = moved_from;
    return *this;
  }
  ~Counted() {
    check();
    self_ = nullptr;
    --alive_;
  }

  [[nodiscard]] static int alive() { return alive_; }
  [[nodiscard]] static int mistakes() { return mistakes_; }

  static constexpr int moved_from = -1;
  int value;

 private:
  void check() const {
    if (self_ != this) ++mistakes_;
  }

  static inline std::atomic<int> alive_{0};
  static inline std::atomic<int> mistakes_{0};

  const Counted* self_ = this;
};

// The same without a default.
struct CountedNoDefault : Counted {
  explicit CountedNoDefault(int n) : Counted(n) {}
};

}  // namespace test
