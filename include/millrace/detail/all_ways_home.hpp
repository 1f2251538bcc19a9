#pragma once

#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "millrace/detail/block_cache.hpp"
#include "millrace/detail/inbox.hpp"
#include "millrace/detail/inbox_service.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_home.hpp"
#include "millrace/detail/way_back.hpp"
#include "millrace/detail/ways_home.hpp"

namespace millrace::detail {

// What pools hand to their operations. Each shared object that makes pools has one, whose code
// knows the object's own list of pools, see pool_lists.
//
// A template, `AnyExecutor` being what coroutines have, so that naming it compiles nothing.
template <any_executor AnyExecutor>
class all_ways_home final : public ways_home {
 public:
  [[nodiscard]] static const ways_home& instance() noexcept {
    static constinit const all_ways_home only;
    return only;
  }

 private:
  class erased_by_executor final : public erased_way {
   public:
    erased_by_executor(const AnyExecutor& executor, job_home* counted_by)
        : way_(executor, counted_by) {}

    [[nodiscard]] const void* home() const noexcept override { return way_.home(); }
    void leave_home() noexcept override { way_.leave_home(); }
    [[nodiscard]] const void* context() const noexcept override { return way_.context(); }
    void deliver(job& done, delivery when, const cached_allocator<void>& by) override {
      way_.deliver(done, when, by);
    }
    void hand_over(job& done, delivery when, const cached_allocator<void>& by) override {
      way_.hand_over(done, when, by);
    }

   private:
    way_back_by_executor<AnyExecutor> way_;
  };

  [[nodiscard]] job_home* find(asio::io_context& context) const override {
    return inbox_behind(context.get_executor());
  }
  [[nodiscard]] job_home* find(asio::thread_pool& context) const override {
    return inbox_behind(context.get_executor());
  }
  [[nodiscard]] job_home* find(const AnyExecutor& executor) const override {
    return inbox_behind(executor);
  }

  void expect(job_home& where, std::chrono::nanoseconds look_out) const noexcept override {
    static_cast<inbox&>(where).expect(look_out);
  }

  [[nodiscard]] ways_home::erased expect_behind(const AnyExecutor& executor,
                                                std::chrono::nanoseconds look_out) const override {
    inbox* const by = inbox_behind(executor);
    ways_home::erased way{nullptr, by};
    if (!holds_own_executor(executor)) {
      way.on = std::make_unique<erased_by_executor>(executor, by);
    }
    if (by != nullptr) by->expect(look_out);
    return way;
  }
};

}  // namespace millrace::detail
