#pragma once

#include <exception>
#include <utility>

#include "millrace/detail/handler.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/way_back.hpp"

namespace millrace::detail {

// async_drain: completes when the pool has no job left. Nobody's job itself: neither counted nor
// queued, it waits at the count of the others.
template <class Core, class Handler, class Fallback>
class drain_op final : public job {
 public:
  using handler_type = Handler;

  drain_op(Core& core, const Handler& its, handover<Handler>& handler, const Fallback& fallback)
      : job(&drain_op::act),
        core_(core),
        back_(make_way_back(its, fallback, core.ways())),
        handler_(handler.take()) {}

  [[nodiscard]] Handler& handler() noexcept { return handler_; }

  static void start(Core& core, operation_ptr<drain_op> self) {
    drain_op& started = *self.release();
    if (core.is_idle()) {
      deliver(started);
    } else {
      core.when_idle(started);
    }
  }

 private:
  using pointer = operation_ptr<drain_op>;

  static const void* act(job& base, step which) {
    auto* const self = static_cast<drain_op*>(&base);
    switch (which) {
      case step::run:
        deliver(*self);
        break;
      case step::complete:
        if (self->back_.arrive(*self, handler_allocator(self->handler_))) complete(pointer(self));
        break;
      case step::home:
        return self->back_.home();
      case step::release:  // before its handler goes, who may be the last owner of the pool
        self->core_.remove_work();
        break;
      default:
        pointer{self};
    }
    return nullptr;
  }

  static void deliver(drain_op& self) {
    self.back_.deliver(self, delivery::later, handler_allocator(self.handler_));
  }

  static void complete(pointer owner) {
    const handler_way_back<Handler, Fallback> keep_working(std::move(owner->back_));
    Handler handler(std::move(owner->handler_));
    typename pointer::freed_for(std::move(owner), handler).free();
    std::move(handler)(std::exception_ptr());
  }

  Core& core_;
  handler_way_back<Handler, Fallback> back_;
  Handler handler_;
};

}  // namespace millrace::detail
