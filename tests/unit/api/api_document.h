// The API document as a node of a role serves it.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "edgesync/sdk/settings.h"

namespace edgesync::api {

/// One method of one path.
struct DescribedOperation {
    std::string id;
    std::string method;  ///< In capitals.
    std::string path;    ///< Below "/api/v1", with "{...}".
    std::string target;  ///< The same with the examples of its parameters, and those of the query.
    std::string body;    ///< The first example; empty: none.
    std::set<std::string> responses;
    std::string usual_response;  ///< The first of 2xx, else the one that is described as "Always".
};

class ApiDocument {
public:
    explicit ApiDocument(NodeRole role);
    ~ApiDocument();

    std::vector<DescribedOperation> operations() const;
    /// "GET" of every path: "GET /health".
    std::set<std::string> routes() const;
    /// Methods of a path, in capitals.
    std::set<std::string> methods(const std::string& path) const;
    bool has_path_like(const std::string& path) const;

    /// Values of an enumeration among the schemas: "Health/properties/general/properties/nodeType".
    std::vector<std::string> values(const std::string& schema) const;

    /// What breaks the rules of OpenAPI, one line each.
    std::vector<std::string> problems() const;
    /// What the answer `status`, `content_type`, `body` has that the operation does not say, or the other way round.
    std::vector<std::string> problems_of_answer(const std::string& operation, const std::string& status, const std::string& content_type,
                                                const std::string& body) const;
    /// Examples of bodies that are not as their schemas say.
    std::vector<std::string> problems_of_examples() const;

private:
    struct Parts;
    const std::unique_ptr<Parts> parts_;
};

}  // namespace edgesync::api
