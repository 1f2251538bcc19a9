#include "problems/problems.hpp"
#include "support/contest.hpp"
#include "support/placement.hpp"

namespace bench {

namespace {

template <class F>
double cores_busy(F&& f) {
  const auto started = clock::now();
  const auto cpu = process_cpu();
  f();
  return in_ns(process_cpu() - cpu) / in_ns(clock::now() - started);
}

template <class Rival, style Style>
measurements run(int workers, int in_flight, nanoseconds time) {
  Rival rival(workers);
  // Loop and workers begin on the same core. Where they are busy enough for the kernel to move
  // them apart, wait until it has, but not for ever.
  for (int i = 0; i < (in_flight == 1 ? 1 : 10); ++i)
    if (cores_busy([&] {
          for_time warm_up(time / 4);
          run_stream<Style>(rival, in_flight, warm_up);
        }) > 1.4)
      break;
  place_threads(workers);

  const auto started = clock::now();
  const auto cpu = process_cpu();
  for_time all(time);
  run_stream<Style>(rival, in_flight, all);
  const auto jobs = static_cast<double>(all.done());
  const double took = in_ns(clock::now() - started);
  const double used = in_ns(process_cpu() - cpu);
  return {{"time per job", "ns", took / jobs},
          {"CPU per job", "ns", used / jobs},
          {"cores busy", "cores", used / took}};
}

template <class Rival, style Style>
variant make(const char* problem, const char* name, int workers, int in_flight, int ms) {
  return {problem, name, workers, in_flight, std::chrono::milliseconds(ms), [=](nanoseconds time) {
            return run<Rival, Style>(workers, in_flight, time);
          }};
}

}  // namespace

void add_throughput(suite& all) {
  for (const int workers : {1, 2})
    for (const int in_flight : {1, 64, 1024})
      for_each_rival([&]<class Rival, style Style>(const char* name) {
        all.add(make<Rival, Style>("throughput", name, workers, in_flight, 80));
      });

  for (const int in_flight : {1, 64})
    for_each_rival([&]<class Rival, style Style>(const char* name) {
      if constexpr (Style == style::coroutines)
        all.add(make<Rival, style::strands>("strands", name, 1, in_flight, 80));
    });

  // Shorter and more often: what is compared differs by little.
  using with = millrace_pool<millrace::ComputeMetrics>;
  using without = millrace_pool<millrace::NoMetrics>;
  using traced = millrace_pool<millrace::TraceMetrics>;
  for (const int in_flight : {64, 1024}) {
    all.add(make<with, style::coroutines>("metrics", with::name, 1, in_flight, 20));
    all.add(make<without, style::coroutines>("metrics", without::name, 1, in_flight, 20));
    all.add(make<traced, style::coroutines>("metrics", traced::name, 1, in_flight, 20));
  }
}

}  // namespace bench
