#include "http/ca_bundle.hpp"

#include <unistd.h>

namespace lambda {

std::string ca_bundle(const std::function<const char*(const char*)>& environment) {
  for (const char* variable : {"AWS_CA_BUNDLE", "SSL_CERT_FILE"}) {
    const char* file = environment(variable);
    // Lambda's console can't unset a variable, only empty it.
    if (file != nullptr && *file != '\0') return file;
  }
  for (const char* file : {"/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu
                           "/etc/pki/tls/certs/ca-bundle.crt",    // Amazon Linux, Fedora
                           "/etc/ssl/cert.pem"}) {                // Alpine
    if (::access(file, R_OK) == 0) return file;
  }
  return {};
}

}  // namespace lambda
