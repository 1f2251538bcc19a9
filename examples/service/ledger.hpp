/// What became of each request, for /metrics and the log: none may be lost.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "route.hpp"

namespace service {

/// Counts requests that were accepted, that is read whole, and what became of them: answered, which
/// is to say that the kernel took the whole response, or their client had gone.
///
/// `accepted == answered + gone` when nothing is in flight. **Thread safety**: any thread.
class Ledger {
 public:
  Ledger();

  void accepted(Route route);
  void answered(Route route, int status, std::chrono::steady_clock::duration took);
  void gone(Route route);

  /// `{"accepted": N, "answered": N, "gone": N, "by_status": {"200": N, ...}}`, of all routes or of
  /// those that compute.
  [[nodiscard]] nlohmann::json totals() const;
  [[nodiscard]] nlohmann::json computing_totals() const;

  [[nodiscard]] const prometheus::Registry& registry() const { return registry_; }

 private:
  struct OfRoute {
    prometheus::Counter* accepted;
    prometheus::Counter* gone;
    prometheus::Histogram* took;
  };
  [[nodiscard]] const OfRoute& of(Route route) const;
  template <class Counts>
  [[nodiscard]] nlohmann::json totals_if(Counts counts) const;

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& accepted_;
  prometheus::Family<prometheus::Counter>& answered_;
  prometheus::Family<prometheus::Counter>& gone_;
  prometheus::Family<prometheus::Histogram>& took_;
  std::array<OfRoute, routes> by_route_{};  // theirs
};

}  // namespace service
