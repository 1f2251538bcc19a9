#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "millrace/detail/handler.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/worker_frame.hpp"

namespace millrace::detail {

// What the pool's executor is given: a function object without a completion, in memory from the
// executor's allocator. One that throws ends the program, as on asio::thread_pool: there is nobody
// to hand the exception to.
template <class Core, class F, class Allocator>
class posted_op final : public job {
 public:
  template <class G>
  static void start(Core& core, G&& f, const Allocator& allocator) {
    core.require_same_process();
    allocator_type from(or_cached<Allocator>::from(allocator));
    posted_op* const memory = traits::allocate(from, 1);
    try {
      ::new (static_cast<void*>(memory)) posted_op(core, std::forward<G>(f), from);
    } catch (...) {
      traits::deallocate(from, memory, 1);
      throw;
    }
    core.submit_lasting(*memory, memory->record_);
  }

 private:
  using allocator_type = typename std::allocator_traits<
      typename or_cached<Allocator>::type>::template rebind_alloc<posted_op>;
  using traits = std::allocator_traits<allocator_type>;

  template <class G>
  posted_op(Core& core, G&& f, const allocator_type& allocator)
      : job(&posted_op::act),
        core_(core),
        f_(std::in_place, std::forward<G>(f)),
        allocator_(allocator) {}
  ~posted_op() = default;

  static const void* act(job& base, step which) noexcept {
    auto& self = static_cast<posted_op&>(base);
    switch (which) {
      case step::run:
        self.run();
        destroy(self);
        break;
      case step::drop:
        static_cast<void>(self.core_.unstarted(self, self.record_, job::end::cancelled));
        destroy(self);
        break;
      case step::home:
        break;
      default:
        std::terminate();  // no thread for a worker, and nobody to tell
    }
    return nullptr;
  }

  void run() {
    core_.started(*this, record_);
    {
      const running_job mine(*this);
      (*std::move(f_))();  // where it lies: its move might throw, with nobody to tell
      f_.reset();
    }
    core_.finished(record_, false);
  }

  static void destroy(posted_op& self) noexcept {
    allocator_type from(self.allocator_);
    self.~posted_op();
    traits::deallocate(from, &self, 1);
  }

  Core& core_;
  std::optional<F> f_;
  [[no_unique_address]] allocator_type allocator_;
  [[no_unique_address]] typename Core::record record_;
};

}  // namespace millrace::detail
