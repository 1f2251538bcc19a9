#include "ledger.hpp"

#include <string>

namespace service {
namespace {

const prometheus::Histogram::BucketBoundaries bounds = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                                        0.2,   0.5,   1,     2,    5,    10,   30};

std::string name(Route route) {
  return std::string(info(route).path);
}

// Of all metrics of a family, by a label's value if there is one of that name.
std::uint64_t sum(const prometheus::Family<prometheus::Counter>& family,
                  const std::string& label = {}, nlohmann::json* by = nullptr) {
  std::uint64_t all = 0;
  for (const auto& metrics : family.Collect()) {
    for (const auto& metric : metrics.metric) {
      const auto count = static_cast<std::uint64_t>(metric.counter.value);
      all += count;
      for (const auto& [key, value] : metric.label) {
        if (by != nullptr && key == label) {
          (*by)[value] = by->value(value, std::uint64_t{0}) + count;
        }
      }
    }
  }
  return all;
}

}  // namespace

Ledger::Ledger()
    : accepted_(prometheus::BuildCounter()
                    .Name("service_requests_total")
                    .Help("Requests that were read whole.")
                    .Register(registry_)),
      answered_(prometheus::BuildCounter()
                    .Name("service_responses_total")
                    .Help("Responses that were written whole.")
                    .Register(registry_)),
      gone_(prometheus::BuildCounter()
                .Name("service_clients_gone_total")
                .Help("Requests whose client closed the connection before the response.")
                .Register(registry_)),
      took_(prometheus::BuildHistogram()
                .Name("service_request_duration_seconds")
                .Help("From the request's last byte to the response's last one.")
                .Register(registry_)) {
  // Each is there from the beginning, with 0: a rate needs a first value.
  for (std::size_t i = 0; i < routes; ++i) {
    const prometheus::Labels labels{{"route", name(static_cast<Route>(i))}};
    by_route_[i] = {&accepted_.Add(labels), &gone_.Add(labels), &took_.Add(labels, bounds)};
  }
}

const Ledger::OfRoute& Ledger::of(Route route) const {
  return by_route_[static_cast<std::size_t>(route)];
}

void Ledger::accepted(Route route) {
  of(route).accepted->Increment();
}

void Ledger::answered(Route route, int status, std::chrono::steady_clock::duration took) {
  answered_.Add({{"route", name(route)}, {"status", std::to_string(status)}}).Increment();
  of(route).took->Observe(std::chrono::duration<double>(took).count());
}

void Ledger::gone(Route route) {
  of(route).gone->Increment();
}

nlohmann::json Ledger::totals() const {
  auto by_status = nlohmann::json::object();
  // In this order, so that what is answered meanwhile isn't more than what was accepted.
  const auto gone = sum(gone_);
  const auto answered = sum(answered_, "status", &by_status);
  return {{"accepted", sum(accepted_)},
          {"answered", answered},
          {"gone", gone},
          {"by_status", std::move(by_status)}};
}

}  // namespace service
