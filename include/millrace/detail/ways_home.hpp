#pragma once

#include <asio/any_io_executor.hpp>
#include <chrono>
#include <memory>

#include "millrace/detail/block_cache.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_home.hpp"

namespace asio {
class io_context;
class thread_pool;
}  // namespace asio

// What of the ways back to handlers is the same for all operations: abstract, so that it is
// compiled where a pool is made, and not with each file that starts operations.
namespace millrace::detail {

// Whether the completion may run right here. It may on a worker, once the job is done; inside the
// initiating function it must not.
enum class delivery { now_or_later, later };

// What coroutines have.
using erased_executor = asio::any_io_executor;

// A way_back_by_executor for one of these.
class erased_way {
 public:
  erased_way() = default;
  erased_way(const erased_way&) = delete;
  erased_way& operator=(const erased_way&) = delete;
  virtual ~erased_way() = default;

  [[nodiscard]] virtual const void* home() const noexcept = 0;
  virtual void leave_home() noexcept = 0;
  [[nodiscard]] virtual const void* context() const noexcept = 0;
  virtual void deliver(job& done, delivery when, const cached_allocator<void>&) = 0;
  virtual void hand_over(job& done, delivery when, const cached_allocator<void>&) = 0;
};

// The same object for all pools that one shared object makes; never goes.
class ways_home {
 public:
  // The inbox of a context, or of the one behind an executor, as its own or as a strand around
  // that. None: null. Throw std::bad_alloc.
  [[nodiscard]] virtual job_home* find(asio::io_context& context) const = 0;
  [[nodiscard]] virtual job_home* find(asio::thread_pool& context) const = 0;
  [[nodiscard]] virtual job_home* find(const erased_executor& executor) const = 0;

  // An operation of a pool that is asked for its ways will come back there. `look_out`: see inbox.
  virtual void expect(job_home& where, std::chrono::nanoseconds look_out) const noexcept = 0;

  // All of the way. `by_inbox` expects the operation; without `on` it is all.
  struct erased {
    std::unique_ptr<erased_way> on;
    job_home* by_inbox;
  };
  [[nodiscard]] virtual erased expect_behind(const erased_executor& executor,
                                             std::chrono::nanoseconds look_out) const = 0;

 protected:
  ~ways_home() = default;
};

// Of one pool.
struct pool_ways {
  const ways_home* all;
  std::chrono::nanoseconds look_out;
};

}  // namespace millrace::detail
