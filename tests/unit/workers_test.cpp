#include "millrace/detail/workers.hpp"

#include <oneapi/tbb/global_control.h>
#include <pthread.h>

#include <functional>
#include <latch>
#include <string>

#include "support/catch.hpp"

namespace detail = millrace::detail;

namespace {

// Workers without jobs: each call runs the next action.
class Called {
 public:
  explicit Called(millrace::ComputeConfig config) : workers_(config, this, errand{*this}) {}
  ~Called() { workers_.stop(); }

  void run_there(std::function<void()> action) {
    std::latch done(1);
    next_ = [&] {
      action();
      done.count_down();
    };
    REQUIRE(workers_.on_call().want_another());
    workers_.call();
    done.wait();
  }

 private:
  struct errand {
    Called& self;
    void operator()() const noexcept { self.run(); }
  };

  void run() {
    workers_.came();
    workers_.on_call().arrived();
    next_();
    workers_.on_call().left();
    workers_.left();
  }

  std::function<void()> next_;
  detail::workers<errand> workers_;
};

}  // namespace

TEST_CASE("workers are named after the pool and know it") {
  Called one({.threads = 1, .thread_name = "mill"});
  char name[16] = {};
  bool inside = false;
  one.run_there([&] {
    ::pthread_getname_np(::pthread_self(), name, sizeof name);
    inside = detail::frame_of_this_thread().works_for(&one);
  });
  CHECK(std::string(name) == "mill-0");
  CHECK(inside);
  CHECK_FALSE(detail::frame_of_this_thread().works_for(&one));
}

TEST_CASE("workers neither need nor change oneTBB's limits [P37]") {
  using control = oneapi::tbb::global_control;
  const std::size_t before = control::active_value(control::max_allowed_parallelism);
  {
    Called many({.threads = 5});
    CHECK(control::active_value(control::max_allowed_parallelism) == before);
    many.run_there([] {});
    CHECK(control::active_value(control::max_allowed_parallelism) == before);
  }
  const control one(control::max_allowed_parallelism, 1);
  Called beside({.threads = 3});
  beside.run_there([] {});
  CHECK(control::active_value(control::max_allowed_parallelism) == 1);
}

TEST_CASE("workers of any pool have the stack that was asked for, whatever came before") {
  const auto stack_of = [](std::size_t wanted) {
    Called one({.threads = 1, .stack_size = wanted});
    std::size_t size = 0;
    one.run_there([&] {
      pthread_attr_t attributes;
      ::pthread_getattr_np(::pthread_self(), &attributes);
      ::pthread_attr_getstacksize(&attributes, &size);
      ::pthread_attr_destroy(&attributes);
    });
    return size;
  };
  CHECK(stack_of(128u << 10) >= (128u << 10));
  CHECK(stack_of(128u << 10) < (1u << 20));
  CHECK(stack_of(64u << 20) >= (64u << 20));
  CHECK(stack_of((1u << 20) + 1) >= (1u << 20) + 1);
}
