#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "problems/problems.hpp"
#include "support/contest.hpp"

namespace bench {

namespace {

void run_timer(nanoseconds time) {
  asio::io_context context;
  asio::steady_timer timer(context, time);
  timer.async_wait([](const std::error_code&) {});
  context.run();
}

template <class Rival>
measurements run(int workers, nanoseconds time) {
  Rival rival(workers);
  for_time work(std::chrono::milliseconds(20));
  run_stream<style::coroutines>(rival, 64, work);
  run_timer(std::chrono::milliseconds(100));
  const auto started = clock::now();
  const auto cpu = process_cpu();
  run_timer(time);
  return {{"CPU", "% of a core", 100 * in_ns(process_cpu() - cpu) / in_ns(clock::now() - started)}};
}

}  // namespace

void add_idle(suite& all) {
  for_each_rival([&]<class Rival, style Style>(const char* name) {
    if constexpr (Style == style::coroutines)
      all.add({"idle", name, 2, 0, std::chrono::milliseconds(500),
               [](nanoseconds time) { return run<Rival>(2, time); }});
  });
}

}  // namespace bench
