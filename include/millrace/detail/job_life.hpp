#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "millrace/detail/fork_place.hpp"
#include "millrace/detail/giving_up.hpp"
#include "millrace/detail/job.hpp"
#include "millrace/detail/job_deadline.hpp"
#include "millrace/detail/result.hpp"
#include "millrace/detail/worker_frame.hpp"
#include "millrace/job_options.hpp"

namespace millrace::detail {

// A job's life in its pool, the same for every kind of job: made, submitted, and then either run on
// a worker, or given up and released. What becomes of its result is the kind's own.
//
// `Body` is what tells the operations apart: a callable with a member type `result_type`, run once
// with a stop token. `Timed`: it may have a deadline and a label.
template <class Core, class Body, bool Timed>
class job_life : public job {
 public:
  using result_type = typename Body::result_type;

 protected:
  using stop_type = job_stop<Body::stoppable>;

  job_life(function act, Core& core, Body&& body, const JobOptions& options)
      : job(act),
        core_(core),
        body_(std::move(body)),
        deadline_(core, *this, stop_, options.deadline) {
    priority = static_cast<std::uint8_t>(options.priority);
  }
  ~job_life() = default;

  // Before the job can be seen. Throws if there is no memory, or no thread for the deadlines.
  void prepare([[maybe_unused]] std::string_view label, bool cancellable) {
    if constexpr (Timed) core_.labelled(record_, label);
    if (cancellable || deadline_.is_set()) stop_.enable();
    deadline_.arm();
  }

  // It failed, and the pool hasn't heard of the job.
  void never_submitted(std::exception_ptr why) noexcept {
    taken.store(true, std::memory_order_release);
    deadline_.disarm();
    body_.reset();
    result_.fail(std::move(why));
  }

  // On a worker, or on a thread that does its work. False: it came too late, and the job was ended
  // like one that is given up, but that its share is still the caller's.
  [[nodiscard]] bool run_body() noexcept {
    taken.store(true, std::memory_order_release);
    if (deadline_.passed()) {
      end_unstarted(end::expired);
      return false;
    }
    core_.started(*this, record_);
    adopt_fork_place(core_.fork_places());
    {
      const running_job mine(*this);
      result_.capture(*body_, stop_.token());
      body_.reset();  // captures end here, before anybody can see the end
    }
    core_.finished(record_, result_.failed());
    deadline_.disarm();
    return true;
  }

  // Leaves the pool without having run, whose share goes back unless it is kept for the way home.
  // The callable stays: its captures are the user's.
  void release(bool keep_share) noexcept {
    end_unstarted(ended_by);
    kept_share_ = keep_share;
    if (keep_share) {
      giving_up::current().keep_share();
    } else {
      core_.ended();
    }
  }
  // Gives the share back that was kept, if the pool hasn't taken it: then it may be gone already.
  static void give_share_back(Core& core) noexcept {
    if (giving_up::current().give_share_back()) core.ended();
  }

  [[nodiscard]] bool kept_share() const noexcept { return kept_share_; }

  Core& core_;
  [[no_unique_address]] typename Core::record record_;
  std::optional<Body> body_;
  job_result<result_type> result_;
  [[no_unique_address]] stop_type stop_;
  [[no_unique_address]] job_deadline<Core, stop_type, Timed> deadline_;

 private:
  bool kept_share_ = false;

  void end_unstarted(end why) noexcept {
    result_.fail(core_.unstarted(*this, record_, why));
    deadline_.disarm();
  }
};

}  // namespace millrace::detail
