// Role: the parameters of TLS: one row each. Bounds and defaults are those of redis-server 7.0.15, of Valkey
// 9.1 where only that has the parameter. Thread: constants.
#include "server/config/params.h"
#include "server/config/specials.h"
#include "server/registry/parameter_row.h"

namespace tessera::config {

namespace {

using namespace registry;

constexpr EnumName kTlsAuthClientsNames[] = {{"no", 0}, {"yes", 1}, {"optional", 2}};
constexpr EnumName kTlsUserFields[] = {{"off", 0}, {"CN", 1}, {"URI", 2}};

constexpr ParameterRow kRows[] = {
    integer("tls-port", "0", 0, kMaxPort)
        .hooks(&kTlsPortHooks)
        .flags(kNoEffectYet)
        .about("Port for TLS connections; 0 for none, which is all there is yet."),
    yes_no("tls-replication", false).flags(kNoEffectYet).about("Use TLS for the link to the primary."),
    yes_no("tls-cluster", false).flags(kNoEffectYet).about("Use TLS for the cluster bus."),
    choice("tls-auth-clients", "yes", kTlsAuthClientsNames)
        .flags(kNoEffectYet)
        .about("Whether clients must show a certificate: no, yes, optional."),
    choice("tls-auth-clients-user", "off", kTlsUserFields)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("Field of a certificate that names the user."),
    string("tls-cert-file", "").flags(kNoEffectYet).about("Certificate of the server."),
    string("tls-key-file", "").flags(kNoEffectYet).about("Its private key."),
    string("tls-key-file-pass", "").flags(kNoEffectYet | kSensitive).about("Password of that key."),
    string("tls-client-cert-file", "")
        .flags(kNoEffectYet)
        .about("Certificate for connections this node opens."),
    string("tls-client-key-file", "").flags(kNoEffectYet).about("Its private key."),
    string("tls-client-key-file-pass", "").flags(kNoEffectYet | kSensitive).about("Password of that key."),
    string("tls-dh-params-file", "")
        .flags(kNoEffectYet)
        .about("Parameters of Diffie-Hellman for old versions of OpenSSL."),
    string("tls-ca-cert-file", "")
        .flags(kNoEffectYet)
        .about("Certificates of the authorities that are trusted."),
    string("tls-ca-cert-dir", "").flags(kNoEffectYet).about("Directory of such certificates."),
    string("tls-protocols", "").flags(kNoEffectYet).about("Versions of TLS that are allowed."),
    string("tls-ciphers", "").flags(kNoEffectYet).about("Ciphers up to TLS 1.2."),
    string("tls-ciphersuites", "").flags(kNoEffectYet).about("Ciphers of TLS 1.3."),
    yes_no("tls-prefer-server-ciphers", false)
        .flags(kNoEffectYet)
        .about("Prefer the order of ciphers of the server."),
    yes_no("tls-session-caching", true).flags(kNoEffectYet).about("Let clients resume sessions."),
    integer("tls-session-cache-size", "20480", 0, kMaxInt)
        .flags(kNoEffectYet)
        .about("Sessions that are cached; 0 for any number."),
    integer("tls-session-cache-timeout", "300", 0, kMaxInt)
        .flags(kNoEffectYet)
        .about("Seconds a session can be resumed."),
    integer("tls-auto-reload-interval", "0", 0, kMaxInt)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("Seconds between looks for new certificates; 0 for none."),
    integer("max-new-tls-connections-per-cycle", "1", 1, 1000)
        .flags(kNoEffectYet | kValkeyOnly)
        .about("TLS connections accepted in one turn of a loop."),
};

}  // namespace

std::span<const ParameterRow> tls_parameters() {
  return kRows;
}

}  // namespace tessera::config
