#include "kernel/http/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <new>

#include "edgesync/sdk/error.h"

namespace edgesync::http {
namespace {

struct BioFree {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
struct X509Free {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};
struct KeyFree {
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;
using X509Ptr = std::unique_ptr<X509, X509Free>;

bool is_pem(const std::string& text) { return text.find("-----BEGIN") != std::string::npos; }

[[noreturn]] void fail(const std::string& what, const std::string& source, std::string reason = {}) {
    if (reason.empty()) {
        const char* text = ERR_reason_error_string(ERR_peek_last_error());
        reason = text ? text : "no reason given";
    }
    throw Error(ErrorKind::InvalidRequest, "cannot use the " + what + " " + (is_pem(source) ? "given as text" : source) + ": " + reason);
}

std::string load(const std::string& what, const std::string& source) {
    if (is_pem(source)) return source;
    std::ifstream file(source, std::ios::binary);
    if (!file) fail(what, source, std::strerror(errno));
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!is_pem(text)) fail(what, source, "it is not a PEM file");
    return text;
}

/// Refers to `text`.
BioPtr memory_of(const std::string& text) {
    BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    if (!bio) throw std::bad_alloc();
    return bio;
}

/// Without it OpenSSL would ask on the terminal for the password of an encrypted key.
int no_password(char*, int, int, void*) { return 0; }

void use_certificate(SSL_CTX* context, const std::string& source) {
    const std::string text = load("certificate", source);
    const BioPtr bio = memory_of(text);
    const X509Ptr certificate(PEM_read_bio_X509_AUX(bio.get(), nullptr, no_password, nullptr));
    if (!certificate || SSL_CTX_use_certificate(context, certificate.get()) != 1) fail("certificate", source);
    while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)) {
        if (SSL_CTX_add0_chain_cert(context, next) != 1) {
            X509_free(next);
            fail("certificate", source);
        }
    }
    ERR_clear_error();
}

void use_key(SSL_CTX* context, const std::string& source) {
    const std::string text = load("private key", source);
    const BioPtr bio = memory_of(text);
    const std::unique_ptr<EVP_PKEY, KeyFree> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
    if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1) fail("private key", source);
    if (SSL_CTX_check_private_key(context) != 1) fail("private key", source, "it does not belong to the certificate");
}

int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered, unsigned int size, void*) {
    static constexpr unsigned char kProtocols[] = "\x08http/1.1";
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_size, kProtocols, sizeof kProtocols - 1, offered, size) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

TlsContext::TlsContext(const std::string& certificate, const std::string& key) : context_(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX* context = context_.get();
    if (!context) throw std::bad_alloc();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!MD5");
    // Tickets resume a session without state here; the cache would only keep what they already carry.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    static constexpr unsigned char kSessionContext[] = "edge-sync";
    SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_alpn_select_cb(context, select_protocol, nullptr);
    ERR_clear_error();
    use_certificate(context, certificate);
    use_key(context, key);
}

SslPtr TlsContext::make_session() const { return SslPtr(SSL_new(context_.get())); }

}  // namespace edgesync::http
