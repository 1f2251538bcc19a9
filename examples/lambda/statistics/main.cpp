#include "runtime/runtime.hpp"
#include "statistics/handler.hpp"

int main() {
  return lambda::run(lambda::statistics::handle);
}
