#pragma once

#include <pthread.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <system_error>

// What std::thread has no words for: a stack size, and signals that are blocked from the start.
namespace millrace::detail {

// While it lives, threads that are made start without the signals that a program may wait for.
// Those that tell of a fault of the thread itself stay: blocked ones would end the program without
// its handlers.
class signals_blocked {
 public:
  signals_blocked() noexcept {
    sigset_t asynchronous;
    ::sigfillset(&asynchronous);
    for (const int own : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP}) {
      ::sigdelset(&asynchronous, own);
    }
    ::pthread_sigmask(SIG_BLOCK, &asynchronous, &before_);
  }
  ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_;
};

// A thread that has to be joined before this goes.
class native_thread {
 public:
  using function = void* (*)(void*);

  // Runs `run(with)`; `stack_size` in bytes, 0 for the system's default. Throws std::system_error
  // where the system gives no thread, or none with such a stack.
  void start(std::size_t stack_size, function run, void* with) {
    attributes how;
    if (stack_size != 0) how.set_stack_size(stack_size);
    const signals_blocked for_it;
    check(::pthread_create(&thread_, &how.value, run, with));
  }

  void join() noexcept { ::pthread_join(thread_, nullptr); }

  // At most 15 bytes.
  static void name_this(const char* name) noexcept { ::pthread_setname_np(::pthread_self(), name); }

 private:
  static void check(int error) {
    if (error != 0) {
      throw std::system_error(error, std::generic_category(), "millrace: no thread for a pool");
    }
  }

  struct attributes {
    pthread_attr_t value;
    attributes() { check(::pthread_attr_init(&value)); }
    ~attributes() { ::pthread_attr_destroy(&value); }
    attributes(const attributes&) = delete;
    attributes& operator=(const attributes&) = delete;

    // The system wants whole pages.
    void set_stack_size(std::size_t size) {
      constexpr std::size_t page = 64u << 10;  // the largest that any system has
      check(::pthread_attr_setstacksize(&value, (size + page - 1) / page * page));
    }
  };

  pthread_t thread_{};
};

}  // namespace millrace::detail
