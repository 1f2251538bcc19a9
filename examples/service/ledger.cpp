#include "ledger.hpp"

#include <map>
#include <string>

namespace service {
namespace {

const prometheus::Histogram::BucketBoundaries bounds = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                                        0.2,   0.5,   1,     2,    5,    10,   30};

std::string name(Route route) {
  return std::string(info(route).path);
}

// Calls f(labels, count) for each counter of the family.
template <class F>
void each(const prometheus::Family<prometheus::Counter>& family, F&& f) {
  for (const auto& metrics : family.Collect()) {
    for (const auto& metric : metrics.metric) {
      std::map<std::string, std::string> labels;
      for (const auto& label : metric.label) labels[label.name] = label.value;
      f(labels, static_cast<std::uint64_t>(metric.counter.value));
    }
  }
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

template <class Counts>
nlohmann::json Ledger::totals_if(Counts counts) const {
  std::uint64_t accepted = 0;
  std::uint64_t answered = 0;
  std::uint64_t gone = 0;
  std::map<std::string, std::uint64_t> by_status;
  // In this order, so that what is answered meanwhile isn't more than what was accepted.
  each(gone_, [&](const auto& labels, auto count) {
    if (counts(find_route(labels.at("route")))) gone += count;
  });
  each(answered_, [&](const auto& labels, auto count) {
    if (!counts(find_route(labels.at("route")))) return;
    answered += count;
    by_status[labels.at("status")] += count;
  });
  each(accepted_, [&](const auto& labels, auto count) {
    if (counts(find_route(labels.at("route")))) accepted += count;
  });
  return {{"accepted", accepted}, {"answered", answered}, {"gone", gone}, {"by_status", by_status}};
}

nlohmann::json Ledger::totals() const {
  return totals_if([](Route) { return true; });
}

nlohmann::json Ledger::computing_totals() const {
  return totals_if([](Route route) { return info(route).computes; });
}

}  // namespace service
