#pragma once

#include <asio/io_context.hpp>
#include <atomic>

#include "millrace/compute_pool.hpp"

// What a shared object does for plugin_test.cpp, with its own copy of all that is hidden.
struct Plugin {
  virtual ~Plugin() = default;

  // Makes a pool of its own.
  virtual millrace::ComputePool<>& make(int threads) = 0;
  virtual void drop() = 0;
  // Ends only if as many jobs as there are workers run at once.
  virtual void meet() = 0;
  // execute_sync into the pool from a job of that pool.
  virtual void nested(millrace::ComputePool<>& pool) = 0;
  // A fork-join region in which two pieces end only together.
  virtual void fork(millrace::ComputePool<>& pool) = 0;
  // Jobs that end when `release` is set: one runs, one is queued; both handlers are the context's.
  virtual void occupy(millrace::ComputePool<>& pool, asio::io_context& context,
                      std::atomic<bool>& release, std::atomic<int>& ran) = 0;
};
