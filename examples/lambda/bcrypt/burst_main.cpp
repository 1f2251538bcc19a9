#include "bcrypt/burst.hpp"
#include "runtime/runtime.hpp"

int main() {
  return lambda::run(lambda::bcrypt::handle_burst);
}
