#include "local/program.hpp"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "lambda/support/files.hpp"
#include "support/catch.hpp"

using lambda::local::find_program;

namespace {

/// The folders `first` and `second`, and files in them.
class Folder {
 public:
  Folder() {
    std::filesystem::create_directory(*this / "first");
    std::filesystem::create_directory(*this / "second");
  }

  [[nodiscard]] std::string file(const std::string& name, mode_t mode) const {
    const std::string file = directory_.write(name, "");
    REQUIRE(::chmod(file.c_str(), mode) == 0);
    return file;
  }
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return directory_.file(name);
  }
  [[nodiscard]] std::string both() const { return *this / "first" + ':' + (*this / "second"); }

 private:
  test::TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("program: a bare name is looked up in PATH, the first that may be executed counts") {
  const Folder folder;
  const std::string second = folder.file("second/x", 0755);
  CHECK(find_program("x", folder.both()) == second);
  CHECK(find_program("x", folder / "no-such-folder:" + folder.both()) == second);

  const std::string first = folder.file("first/x", 0644);
  CHECK(find_program("x", folder.both()) == second);
  ::chmod(first.c_str(), 0755);
  CHECK(find_program("x", folder.both()) == first);

  std::filesystem::remove(first);
  std::filesystem::create_directory(first);  // one may be entered, but not executed
  CHECK(find_program("x", folder.both()) == second);
}

TEST_CASE("program: an empty folder of PATH is the current one") {
  const Folder folder;
  static_cast<void>(folder.file("x", 0755));
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder / ".");
  for (const char* path : {"", ":/no-such", "/no-such:", "/no-such::/neither"}) {
    CHECK(find_program("x", path) == "./x");
  }
  CHECK_THROWS_WITH(find_program("x", "/no-such"), Catch::Contains("none of the folders of PATH"));
  std::filesystem::current_path(before);
}

TEST_CASE("program: a name with a slash is a path, wherever PATH leads") {
  const Folder folder;
  const std::string file = folder.file("first/x", 0755);
  CHECK(find_program(file, "") == file);
  static_cast<void>(folder.file("second/x", 0755));
  CHECK_THROWS_WITH(find_program("./x", folder.both()), Catch::Contains("No such file"));
}

TEST_CASE("program: what can't be executed is named in one line, with the reason") {
  const Folder folder;
  static_cast<void>(folder.file("first/plain", 0644));
  std::filesystem::create_directory(folder / "second/folder");
  const auto [name, why] = GENERATE(table<std::string, std::string>({
      {"", "no name"},
      {"missing", "none of the folders of PATH"},
      {"plain", "first/plain: Permission denied"},
      {"folder", "second/folder: is a directory"},
      {"/no-such/bootstrap", "No such file or directory"},
      {"/", "is a directory"},
  }));
  CHECK_THROWS_WITH(find_program(name, folder.both()),
                    Catch::StartsWith("cannot execute \"" + name + "\": ") &&
                        Catch::Contains(why) && !Catch::Contains("\n"));
}

TEST_CASE("program: PATH is the process's own") {
  CHECK_THAT(find_program("true"), Catch::EndsWith("/true"));
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/no-such", 1);
  CHECK_THROWS_WITH(find_program("true"), Catch::Contains("none of the folders of PATH"));
  ::unsetenv("PATH");
  CHECK_THAT(find_program("true"), Catch::EndsWith("/true"));
  ::setenv("PATH", path.c_str(), 1);
}
