// PUT .../data: the whole data, or a part of it by Content-Range (rest-api 3.6).
#pragma once

#include <memory>

#include "kernel/api/call.h"

namespace edgesync::api {

/// Takes the body of `call`, whose path is valid. Its checks, also of the credentials, happen in `start`, on a worker.
std::unique_ptr<HttpBodySink> make_upload(const Environment& environment, CallPtr call);

/// A sink that wants no body and answers `response`.
std::unique_ptr<HttpBodySink> make_refusal(Reply reply, HttpResponse response);

/// Feeds a body that was collected through `sink`. On a worker.
void feed(HttpBodySink& sink, std::string_view body);

}  // namespace edgesync::api
