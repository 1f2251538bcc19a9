/// From a request to its reply.
#pragma once

#include <asio/awaitable.hpp>
#include <millrace/compute_pool.hpp>
#include <millrace/prometheus.hpp>

#include "ledger.hpp"
#include "live.hpp"
#include "options.hpp"
#include "reply.hpp"
#include "route.hpp"

namespace service {

class Router {
 public:
  /// All must outlive the router.
  Router(const Options& options, millrace::ComputePool<>& pool, Ledger& ledger, Live& live);

  /// **Runs on**: the awaiting executor; the computation on the pool, or inline if the options say
  /// so. **Completes**: with a reply, whatever the request is: 503 if the queue is full, 504 if its
  /// time is over before the reply is there. **Cancellation**: a job that has not begun never runs,
  /// one that runs is asked to stop; what comes is of no consequence then. **Lifetime**: the
  /// request's texts must stay until then.
  [[nodiscard]] asio::awaitable<Reply> answer(Route route, Request request);

 private:
  [[nodiscard]] asio::awaitable<Reply> compute(Route route, const Request& request);
  [[nodiscard]] Reply metrics() const;
  [[nodiscard]] Reply live() const;

  const Options* options_;
  millrace::ComputePool<>* pool_;
  millrace::PoolCollectable pool_metrics_;
  Ledger* ledger_;
  Live* live_;
};

}  // namespace service
