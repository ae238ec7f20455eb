// ESS: whom it trusts to be its CSS.
#pragma once

#include <Poco/Net/Context.h>

#include <string>

#include "edgesync/sdk/network_guard.h"

namespace edgesync::transport_http {

/// A client context that accepts only certificates for `host` (a name or an address) issued by `ca`: the path of a PEM file or PEM
/// text, which replaces the system's roots; empty: those. If certificates are pinned, the verified chain must hold one of them. TLS 1.2 or
/// newer. @throws Error{InvalidRequest}
Poco::Net::Context::Ptr make_trust(const std::string& ca, const std::string& host, const PinnedCertificates& pinned = {});

/// Whether a value of HTTPCSSCACertificate is PEM text itself.
bool is_pem_text(const std::string& value);

}  // namespace edgesync::transport_http
