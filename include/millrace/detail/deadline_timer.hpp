#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/detail/native_thread.hpp"

namespace millrace::detail {

// Tells operations that their deadline has come, on a thread of its own: loops and workers may all
// be busy then. A binary heap whose entries lie in the operations and know their places, so that
// each can be taken out.
//
// A template, as all_ways_home is one: only a pool's maker compiles it.
template <class Clock>
class basic_deadline_timer {
 public:
  using time_point = typename Clock::time_point;
  static constexpr time_point never = time_point::max();

  // Part of an operation. remove() must have returned before it goes.
  class entry {
   public:
    explicit entry(time_point when) noexcept : when_(when) {}
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;

    [[nodiscard]] time_point when() const noexcept { return when_; }

   protected:
    ~entry() = default;

   private:
    friend class basic_deadline_timer;

    // The timer's thread. The entry isn't in the timer any more, but stays until `let_go` is called
    // or this returns; afterwards it may be gone.
    virtual void deadline_came(basic_deadline_timer& timer) noexcept = 0;

    static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

    const time_point when_;
    std::size_t place_ = nowhere;
  };

  // Throws std::system_error if there can be no further thread, and std::bad_alloc. The thread
  // calls `begin()` first, before the constructor returns or later.
  template <class Begin>
  explicit basic_deadline_timer(Begin begin) : shared_(std::make_shared<shared>()) {
    const signals_blocked for_it;
    thread_ = std::thread([all = shared_, begin] {
      begin();
      run(all);
    });
  }
  basic_deadline_timer() : basic_deadline_timer([] {}) {}

  // May run in deadline_came(), after let_go(): what that destroys may be the last owner of this.
  ~basic_deadline_timer() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->stop = true;
    }
    shared_->changed.notify_one();
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();
    } else {
      thread_.join();
    }
  }

  basic_deadline_timer(const basic_deadline_timer&) = delete;
  basic_deadline_timer& operator=(const basic_deadline_timer&) = delete;

  // Throws std::bad_alloc.
  void add(entry& one) {
    bool earliest = false;
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->heap.push_back(&one);
      one.place_ = shared_->heap.size() - 1;
      shared_->up(one.place_);
      earliest = one.place_ == 0;
    }
    if (earliest) shared_->changed.notify_one();
  }

  // Not from deadline_came(), except after let_go(). Waits while the timer's thread is at it.
  void remove(entry& one) noexcept {
    std::unique_lock lock(shared_->mutex);
    if (one.place_ != entry::nowhere) {
      shared_->take_out(one.place_);
    } else {
      shared_->let_go.wait(lock, [&] { return shared_->current != &one; });
    }
  }

  // From deadline_came(): the entry may go from here on.
  void let_go() noexcept {
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->current = nullptr;
    }
    shared_->let_go.notify_all();
  }

 private:
  // What the thread has in common with the timer, which may go before it.
  struct shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::condition_variable let_go;
    std::vector<entry*> heap;
    entry* current = nullptr;
    bool stop = false;

    void take_out(std::size_t place) noexcept {
      heap[place]->place_ = entry::nowhere;
      entry* const last = heap.back();
      heap.pop_back();
      if (place == heap.size()) return;
      put(last, place);
      up(place);
      down(last->place_);
    }

    void put(entry* one, std::size_t place) noexcept {
      heap[place] = one;
      one->place_ = place;
    }

    void up(std::size_t place) noexcept {
      entry* const one = heap[place];
      while (place != 0 && one->when_ < heap[(place - 1) / 2]->when_) {
        put(heap[(place - 1) / 2], place);
        place = (place - 1) / 2;
      }
      put(one, place);
    }

    void down(std::size_t place) noexcept {
      entry* const one = heap[place];
      for (;;) {
        std::size_t child = 2 * place + 1;
        if (child >= heap.size()) break;
        if (child + 1 < heap.size() && heap[child + 1]->when_ < heap[child]->when_) ++child;
        if (!(heap[child]->when_ < one->when_)) break;
        put(heap[child], place);
        place = child;
      }
      put(one, place);
    }
  };

  // For the thread: the same timer, without being its owner.
  explicit basic_deadline_timer(std::shared_ptr<shared> all) noexcept : shared_(std::move(all)) {}

  static void run(const std::shared_ptr<shared>& all) noexcept {
    basic_deadline_timer timer(all);
    std::unique_lock lock(all->mutex);
    while (!all->stop) {
      if (all->heap.empty()) {
        all->changed.wait(lock);
      } else if (Clock::now() < all->heap.front()->when_) {
        // The entry may be gone when this is read.
        const time_point next = all->heap.front()->when_;
        all->changed.wait_until(lock, next);
      } else {
        all->current = all->heap.front();
        all->take_out(0);
        entry& due = *all->current;
        lock.unlock();
        due.deadline_came(timer);
        timer.let_go();
        lock.lock();
      }
    }
  }

  const std::shared_ptr<shared> shared_;
  std::thread thread_;
};

using deadline_timer = basic_deadline_timer<std::chrono::steady_clock>;

}  // namespace millrace::detail
