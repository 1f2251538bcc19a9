// execute_scoped: as many children as the data asks for, and children of children.
//
// Counts the ways to place 10 queens on a board: each first row is a child, each second row a
// child of that. execute_scoped_fifo differs in which child a worker takes next.
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <atomic>
#include <exception>
#include <iostream>
#include <stdexcept>

#include "millrace/compute_pool.hpp"

namespace {

constexpr unsigned size = 10;
constexpr unsigned all_columns = (1u << size) - 1;

// What the queens of the rows above attack in a row: columns and the two diagonals, as bits.
struct Attacked {
  unsigned columns = 0;
  unsigned left = 0;
  unsigned right = 0;

  [[nodiscard]] unsigned free() const { return all_columns & ~(columns | left | right); }
  [[nodiscard]] Attacked with(unsigned queen) const {
    return {columns | queen, (left | queen) << 1, (right | queen) >> 1};
  }
};

int count(Attacked board) {
  if (board.columns == all_columns) return 1;
  int ways = 0;
  for (unsigned free = board.free(); free != 0; free &= free - 1) {
    ways += count(board.with(free & -free));
  }
  return ways;
}

void place(millrace::Scope& scope, Attacked board, int rows_to_fork, std::atomic<int>& ways) {
  for (unsigned free = board.free(); free != 0; free &= free - 1) {
    scope.spawn([&ways, rows_to_fork, next = board.with(free & -free)](millrace::Scope& inner) {
      if (rows_to_fork > 1) {
        place(inner, next, rows_to_fork - 1, ways);
      } else {
        ways += count(next);
      }
    });
  }
}

asio::awaitable<void> queens(millrace::ComputePool<>& pool) {
  std::atomic<int> ways = 0;
  co_await pool.execute_scoped([&](millrace::Scope& scope) { place(scope, {}, 2, ways); });
  std::cout << size << " queens can be placed in " << ways << " ways\n";

  ways = 0;
  co_await pool.execute_scoped_fifo([&](millrace::Scope& scope) { place(scope, {}, 2, ways); });
  if (ways != 724) throw std::runtime_error("wrong count");
}

}  // namespace

int main() {
  millrace::ComputePool pool;
  asio::io_context context;
  asio::co_spawn(context, queens(pool), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
}
