#pragma once

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace millrace::detail {

// Tells operations that their deadline has come, on a thread of its own: loops and workers may all
// be busy then. A binary heap whose entries lie in the operations and know their places, so that
// each can be taken out.
class deadline_timer {
 public:
  using time_point = std::chrono::steady_clock::time_point;
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
    friend class deadline_timer;

    // The timer's thread. The entry isn't in the timer any more, but stays until `let_go` is called
    // or this returns; afterwards it may be gone.
    virtual void deadline_came(deadline_timer& timer) noexcept = 0;

    static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

    const time_point when_;
    std::size_t place_ = nowhere;
  };

  // Throws std::system_error if there can be no further thread.
  deadline_timer() : thread_(start()) {}

  ~deadline_timer() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  deadline_timer(const deadline_timer&) = delete;
  deadline_timer& operator=(const deadline_timer&) = delete;

  // Throws std::bad_alloc.
  void add(entry& one) {
    bool earliest = false;
    {
      const std::lock_guard lock(mutex_);
      heap_.push_back(&one);
      one.place_ = heap_.size() - 1;
      up(one.place_);
      earliest = one.place_ == 0;
    }
    if (earliest) changed_.notify_one();
  }

  // Not from deadline_came(), except after let_go(). Waits while the timer's thread is at it.
  void remove(entry& one) noexcept {
    std::unique_lock lock(mutex_);
    if (one.place_ != entry::nowhere) {
      take_out(one.place_);
    } else {
      let_go_.wait(lock, [&] { return current_ != &one; });
    }
  }

  // From deadline_came(): the entry may go from here on.
  void let_go() noexcept {
    {
      const std::lock_guard lock(mutex_);
      current_ = nullptr;
    }
    let_go_.notify_all();
  }

 private:
  // Signals are for the threads of the program.
  std::thread start() {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    struct restore {
      const sigset_t& mask;
      ~restore() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
    } const afterwards{before};
    return std::thread([this] { run(); });
  }

  void run() noexcept {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      if (heap_.empty()) {
        changed_.wait(lock);
      } else if (std::chrono::steady_clock::now() < heap_.front()->when_) {
        const time_point next = heap_.front()->when_;  // the entry may be gone when this is read
        changed_.wait_until(lock, next);
      } else {
        current_ = heap_.front();
        take_out(0);
        entry& due = *current_;
        lock.unlock();
        due.deadline_came(*this);
        let_go();
        lock.lock();
      }
    }
  }

  void take_out(std::size_t place) noexcept {
    heap_[place]->place_ = entry::nowhere;
    entry* const last = heap_.back();
    heap_.pop_back();
    if (place == heap_.size()) return;
    put(last, place);
    up(place);
    down(last->place_);
  }

  void put(entry* one, std::size_t place) noexcept {
    heap_[place] = one;
    one->place_ = place;
  }

  void up(std::size_t place) noexcept {
    entry* const one = heap_[place];
    while (place != 0 && one->when_ < heap_[(place - 1) / 2]->when_) {
      put(heap_[(place - 1) / 2], place);
      place = (place - 1) / 2;
    }
    put(one, place);
  }

  void down(std::size_t place) noexcept {
    entry* const one = heap_[place];
    for (;;) {
      std::size_t child = 2 * place + 1;
      if (child >= heap_.size()) break;
      if (child + 1 < heap_.size() && heap_[child + 1]->when_ < heap_[child]->when_) ++child;
      if (!(heap_[child]->when_ < one->when_)) break;
      put(heap_[child], place);
      place = child;
    }
    put(one, place);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable let_go_;
  std::vector<entry*> heap_;
  entry* current_ = nullptr;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace millrace::detail
