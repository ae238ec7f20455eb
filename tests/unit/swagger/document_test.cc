#include "kernel/swagger/document.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "edgesync/sdk/error.h"

namespace edgesync::swagger {
namespace {

using Json = nlohmann::json;

constexpr char kBoth[] = R"({
  "info": {"title": "cloud", "x-on-ess": {"title": "edge", "version": null}, "version": "1"},
  "paths": {
    "/o/{orgID}": {"x-nodes": ["CSS"], "get": {}},
    "/o/{orgID}/{type}": {
      "x-ess-path": "/o/{type}",
      "parameters": [{"$ref": "#/components/parameters/orgID"}, {"$ref": "#/components/parameters/type"}],
      "get": {"summary": "of a cloud", "x-on-ess": {"summary": "of an edge node"}}},
    "/n": {"x-nodes": ["ESS"], "get": {}},
    "/q/{orgID}": {"parameters": [{"$ref": "#/components/parameters/orgID"}], "get": {}}
  }
})";

Json document(NodeRole role) { return Json::parse(document_for(role, kBoth)); }

TEST(Document, OfACssHasThePathsWithTheOrganization) {
    const Json css = document(NodeRole::Css);
    EXPECT_EQ(css["info"], Json::parse(R"({"title":"cloud","version":"1"})"));
    EXPECT_EQ(css["paths"].size(), 3U);
    EXPECT_EQ(css["paths"]["/o/{orgID}/{type}"]["get"], Json::parse(R"({"summary":"of a cloud"})"));
    EXPECT_EQ(css["paths"]["/o/{orgID}/{type}"]["parameters"].size(), 2U);
    EXPECT_FALSE(css["paths"].contains("/n"));
}

TEST(Document, OfAnEssHasThePathsOfAnEss) {
    const Json ess = document(NodeRole::Ess);
    EXPECT_EQ(ess["info"], Json::parse(R"({"title":"edge"})"));
    EXPECT_EQ(ess["paths"].size(), 3U);
    EXPECT_EQ(ess["paths"]["/o/{type}"]["get"], Json::parse(R"({"summary":"of an edge node"})"));
    EXPECT_EQ(ess["paths"]["/o/{type}"]["parameters"].dump(), R"([{"$ref":"#/components/parameters/type"}])");
    EXPECT_TRUE(ess["paths"].contains("/n"));
    EXPECT_EQ(ess["paths"]["/q/{orgID}"]["parameters"].size(), 1U) << "a path that names the organization keeps the parameter";
}

TEST(Document, HasNoExtensionsAndKeepsItsOrder) {
    for (const NodeRole role : {NodeRole::Css, NodeRole::Ess}) {
        const std::string text = document_for(role, kBoth);
        EXPECT_EQ(text.find("\"x-"), std::string::npos);
        EXPECT_LT(text.find("\"info\""), text.find("\"paths\""));
    }
}

TEST(Document, MustBeJson) { EXPECT_THROW(document_for(NodeRole::Css, "openapi: 3.0.3"), Error); }

}  // namespace
}  // namespace edgesync::swagger
