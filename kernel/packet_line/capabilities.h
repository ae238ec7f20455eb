// What our own nodes tell each other that they can do, in `capabilities` of registrations and their answers; traditional ones ignore it.
#pragma once

namespace edgesync::packet_line {

inline constexpr char kDigest[] = "digest";  ///< Updates carry the digest of the data, and it is compared.
inline constexpr char kPieces[] = "pieces";  ///< A chunk may be several messages (pieces.h).

}  // namespace edgesync::packet_line
