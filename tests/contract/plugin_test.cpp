// P52: pools in a program and in shared objects with hidden symbols.
#include <dlfcn.h>

#include <asio/bind_executor.hpp>
#include <atomic>
#include <exception>
#include <memory>
#include <optional>

#include "contract/plugin.hpp"
#include "support/catch.hpp"

namespace {

Plugin& load(const char* file) {
  void* const library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) FAIL(::dlerror());
  auto* const get = reinterpret_cast<Plugin* (*)()>(::dlsym(library, "plugin"));
  REQUIRE(get != nullptr);
  return *get();
}

Plugin& one() {
  static Plugin& loaded = load(PLUGIN_ONE);
  return loaded;
}
Plugin& two() {
  static Plugin& loaded = load(PLUGIN_TWO);
  return loaded;
}

}  // namespace

TEST_CASE("pools of several shared objects have all their workers each [P52]") {
  one().make(4);
  one().meet();
  two().make(1);
  one().meet();
  two().meet();
  two().drop();
  one().meet();
  one().drop();
}

TEST_CASE("a pool knows its workers in whatever shared object's code they are [P52]") {
  millrace::ComputePool<> host({.threads = 1});
  one().nested(host);
  one().nested(two().make(1));
  two().drop();
}

TEST_CASE("another shared object's regions have helpers [P52]") {
  millrace::ComputePool<> host({.threads = 2});
  one().fork(host);
  one().fork(two().make(2));
  two().drop();
}

TEST_CASE("a context drops its jobs in pools of any shared object [P52]") {
  millrace::ComputePool<> host({.threads = 1});
  for (Plugin* const starts : {&one(), &two()}) {
    for (const bool own : {false, true}) {
      millrace::ComputePool<>& pool = own ? starts->make(1) : host;
      std::atomic<bool> release = false;
      std::atomic<int> ran = 0;
      {
        asio::io_context context;
        // The program's own code is the first that the context hears of.
        pool.execute([] {}, asio::bind_executor(context, [](std::exception_ptr) {}));
        context.run();
        starts->occupy(pool, context, release, ran);
      }  // hangs, and times out, if it waits for the job that is queued
      release = true;
      if (own) {
        starts->drop();
      } else {
        host.execute_sync([] {});
      }
      CHECK(ran == 0);
    }
  }
}
