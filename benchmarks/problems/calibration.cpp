#include "support/calibration.hpp"

#include "problems/problems.hpp"

namespace bench {

void add_calibration(suite& all) {
  const std::chrono::milliseconds length(20);
  const auto add = [&](const char* name, double (*measure)(nanoseconds)) {
    all.add({"calibration", name, 0, 0, length, [measure](nanoseconds time) -> measurements {
               return {{"time", "ns", measure(time)}};
             }});
  };
  add("plain call", &plain_call);
  add("spinning round trip", &spinning_round_trip);
  add("sleeping round trip", &sleeping_round_trip);
}

}  // namespace bench
