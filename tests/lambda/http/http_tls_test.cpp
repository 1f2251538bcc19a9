#include <cstdlib>
#include <map>
#include <string>

#include "http/ca_bundle.hpp"
#include "http/http_client.hpp"
#include "lambda/http/requests.hpp"
#include "lambda/support/await.hpp"
#include "lambda/support/files.hpp"
#include "support/catch.hpp"
#include "tls_server.hpp"

using lambda::HttpClient;
using lambda::HttpClientConfig;
using lambda::HttpRequest;
using namespace lambda::testing;

namespace {

/// A certificate authority of our own, and a certificate by it for the name `localhost` only.
class Authority {
 public:
  Authority() {
    static_cast<void>(directory_.write("san", "subjectAltName=DNS:localhost\n"));
    run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Test CA'"
        " -keyout ca.key -out ca.pem");
    run("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost"
        " -keyout server.key -out server.csr");
    run("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san"
        " -out server.pem");
  }

  [[nodiscard]] std::string file(const std::string& name) const { return directory_.file(name); }

 private:
  void run(const std::string& arguments) const {
    const std::string command =
        "cd '" + directory_.file("") + "' && '" OPENSSL "' " + arguments + " >log 2>&1";
    if (std::system(command.c_str()) != 0) throw std::runtime_error(test::read(file("log")));
  }

  test::TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("tls: a server is believed only with the right authority and the right name", "[http]") {
  const Authority authority;
  const TlsServer server(authority.file("server.pem"), authority.file("server.key"));
  asio::io_context context;
  HttpClientConfig trusting;
  trusting.ca_bundle = authority.file("ca.pem");
  HttpClient client(context.get_executor(), trusting);
  HttpClient stranger(context.get_executor());
  const auto code_of = [&](HttpClient& from, const std::string& url) {
    try {
      await(context, from.send(get(url)));
    } catch (const std::system_error& e) {
      return e.code();
    }
    return std::error_code{};
  };

  for (int i = 0; i < 2; ++i) {
    CHECK(await(context, client.send(get(server.url("localhost")))).body == "over TLS");
  }
  CHECK(code_of(stranger, server.url("localhost")) == std::errc::permission_denied);
  CHECK(code_of(client, server.url("127.0.0.1")) == std::errc::permission_denied);
}

TEST_CASE("tls: a missing file of authorities is an error, not a reason to trust", "[http]") {
  const Authority authority;
  const TlsServer server(authority.file("server.pem"), authority.file("server.key"));
  asio::io_context context;
  HttpClientConfig config;
  config.ca_bundle = authority.file("missing.pem");
  HttpClient client(context.get_executor(), config);

  CHECK_THROWS_WITH(await(context, client.send(get(server.url("localhost")))),
                    Catch::Contains("missing.pem"));
}

TEST_CASE("tls: the environment names the authorities, else the system has them", "[http]") {
  std::map<std::string, std::string> variables;
  const auto environment = [&](const char* name) -> const char* {
    const auto place = variables.find(name);
    return place == variables.end() ? nullptr : place->second.c_str();
  };

  const std::string of_system = lambda::ca_bundle(environment);
  CHECK(of_system != "");
  variables["SSL_CERT_FILE"] = "/one.pem";
  CHECK(lambda::ca_bundle(environment) == "/one.pem");
  variables["AWS_CA_BUNDLE"] = "/two.pem";
  CHECK(lambda::ca_bundle(environment) == "/two.pem");
  variables["AWS_CA_BUNDLE"] = "";
  variables["SSL_CERT_FILE"] = "";
  CHECK(lambda::ca_bundle(environment) == of_system);
}
