// The one translation unit that carries Catch2 2.13's implementation; Catch2 3 brings its own main.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
