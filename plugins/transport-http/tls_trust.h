// ESS: whom it trusts to be its CSS.
#pragma once

#include <Poco/Net/Context.h>

#include <string>

namespace edgesync::transport_http {

/// A client context that accepts only certificates for `host` (a name or an address) issued by `ca`: the path of a PEM file or PEM
/// text, which replaces the system's roots; empty: those. TLS 1.2 or newer. @throws Error{InvalidRequest}
Poco::Net::Context::Ptr make_trust(const std::string& ca, const std::string& host);

/// Whether a value of HTTPCSSCACertificate is PEM text itself.
bool is_pem_text(const std::string& value);

}  // namespace edgesync::transport_http
