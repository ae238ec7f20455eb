#include "kernel/ops/logger.h"

#include <Poco/InflatingStream.h>
#include <Poco/StreamCopier.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "edgesync/sdk/error.h"
#include "kernel/ops/log_file.h"
#include "kernel/ops/named_log.h"

namespace edgesync::ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using Destination = LoggerOptions::Destination;

constexpr char kDate[] = "[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} ";

class LoggerTest : public testing::Test {
protected:
    LoggerTest() : umask_(::umask(022)) {
        std::string name = (std::filesystem::temp_directory_path() / "edgesync-ops-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        folder_ = name;
    }
    ~LoggerTest() override {
        std::filesystem::remove_all(folder_);
        ::umask(umask_);
    }

    LoggerOptions file_options() const {
        LoggerOptions options;
        options.destinations = {Destination::File};
        options.log_file = folder_ / "log" / "deep" / "sync-service.log";
        options.trace_file = folder_ / "trace" / "sync-service.log";
        return options;
    }

    static std::vector<std::string> lines_of(const std::filesystem::path& file) {
        std::ifstream stream(file);
        std::vector<std::string> lines;
        for (std::string line; std::getline(stream, line);) lines.push_back(line);
        return lines;
    }

    static unsigned mode_of(const std::filesystem::path& file) {
        struct stat status {};
        EXPECT_EQ(::stat(file.c_str(), &status), 0) << file;
        return status.st_mode & 0777;
    }

    const mode_t umask_;  ///< Of whoever runs the test; a stricter one would be kept.
    std::filesystem::path folder_;
};

TEST_F(LoggerTest, WritesLogAndTraceIntoTheirFiles) {
    const auto options = file_options();
    Logger logger(options);
    logger.log(LogLevel::Info, "started");
    logger.trace(LogLevel::Error, "details");
    EXPECT_THAT(lines_of(options.log_file), ElementsAre(MatchesRegex(std::string("CSS: ") + kDate + "INFO: started")));
    EXPECT_THAT(lines_of(options.trace_file), ElementsAre(MatchesRegex(std::string("\\* CSS: ") + kDate + "ERROR: details")));
}

TEST_F(LoggerTest, LevelsAboveTheConfiguredAreLeftOut) {
    auto options = file_options();
    options.log_level = LogLevel::Warning;
    options.trace_level = LogLevel::None;
    Logger logger(options);
    EXPECT_TRUE(logger.logs(LogLevel::Status));
    EXPECT_FALSE(logger.logs(LogLevel::Info));
    EXPECT_FALSE(logger.traces(LogLevel::Fatal));
    logger.log(LogLevel::Info, "no");
    logger.log(LogLevel::None, "no");
    logger.log(LogLevel::Warning, "yes");
    logger.trace(LogLevel::Status, "no");
    EXPECT_EQ(lines_of(options.log_file).size(), 1u);
    EXPECT_THAT(lines_of(options.trace_file), IsEmpty());
}

TEST_F(LoggerTest, FilesAndFoldersAreNotForOthers) {
    const auto options = file_options();
    Logger logger(options);
    EXPECT_EQ(mode_of(options.log_file), 0640u);
    EXPECT_EQ(mode_of(options.log_file.parent_path()), 0750u);
}

TEST_F(LoggerTest, OneFileForBothStreamsIsOneFile) {
    auto options = file_options();
    options.trace_file = options.log_file;
    Logger logger(options);
    logger.log(LogLevel::Info, "a");
    logger.trace(LogLevel::Info, "b");
    EXPECT_EQ(lines_of(options.log_file).size(), 2u);
}

TEST_F(LoggerTest, FilesRotateIntoNumberedCompressedOnes) {
    auto options = file_options();
    options.file_size_kib = 1;
    Logger logger(options);
    for (int i = 0; i < 15; ++i) logger.log(LogLevel::Info, std::string(100, 'x'));
    const auto rotated = options.log_file.string() + ".0.gz";
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!std::filesystem::exists(rotated) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    ASSERT_TRUE(std::filesystem::exists(rotated));
    EXPECT_LE(std::filesystem::file_size(options.log_file), 2048u);
    EXPECT_EQ(mode_of(options.log_file), 0640u);
    EXPECT_EQ(mode_of(rotated), 0640u);
}

/// Of a file or, unpacked, of one that ends in ".gz".
std::vector<std::string> lines_in(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string octets;
    if (file.extension() == ".gz") {
        Poco::InflatingInputStream unpacked(stream, Poco::InflatingStreamBuf::STREAM_GZIP);
        Poco::StreamCopier::copyToString(unpacked, octets);
    } else {
        Poco::StreamCopier::copyToString(stream, octets);
    }
    std::istringstream text(octets);
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
}

TEST_F(LoggerTest, EveryLineIsInExactlyOneFileAfterRotations) {
    constexpr std::size_t kLines = 200;
    auto options = file_options();
    options.file_size_kib = 1;
    {
        Logger logger(options);
        const std::filesystem::path packed = options.log_file.string() + ".0";
        for (std::size_t i = 0; i < kLines; ++i) {
            logger.log(LogLevel::Info, "line " + std::to_string(i) + " " + std::string(100, 'x'));
            // The first half in a burst, which is faster than the packing; then there is time for many files.
            const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
            while (i > kLines / 2 && std::filesystem::exists(packed) && std::chrono::steady_clock::now() < deadline) {
                std::this_thread::yield();
            }
        }
    }
    std::map<std::string, int> seen;
    int unpacked_files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(options.log_file.parent_path())) {
        unpacked_files += entry.path().extension() == ".gz" ? 1 : 0;
        for (const auto& line : lines_in(entry.path())) ++seen[line.substr(line.find("line "))];
    }
    EXPECT_GE(unpacked_files, 8);
    EXPECT_EQ(seen.size(), kLines);
    for (std::size_t i = 0; i < kLines; ++i) EXPECT_EQ(seen["line " + std::to_string(i) + " " + std::string(100, 'x')], 1) << i;
}

TEST_F(LoggerTest, OnlySoManyRotatedFilesAreKept) {
    auto options = file_options();
    options.file_size_kib = 1;
    options.files_kept = 2;
    {
        Logger logger(options);
        for (int i = 0; i < 200; ++i) logger.log(LogLevel::Info, std::string(100, 'x'));
    }
    std::ptrdiff_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(options.log_file.parent_path())) files += entry.is_regular_file() ? 1 : 0;
    // The current one and two rotated ones; compression runs beside, so a few may not have been counted at the last rotation of twenty.
    EXPECT_LE(files, 7);
}

TEST_F(LoggerTest, AFolderThatCannotBeCreatedStopsTheStartWithOneLine) {
    auto options = file_options();
    std::ofstream(folder_ / "log") << "a file where the folder should be";
    try {
        Logger logger(options);
        FAIL();
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), MatchesRegex("LogRootPath: .*/log/deep cannot be written: [^\n]*; create it [^\n]*"));
    }
}

TEST_F(LoggerTest, AFullDiskNeitherThrowsNorBlocks) {
    auto options = file_options();
    std::filesystem::create_directories(options.log_file.parent_path());
    std::filesystem::create_symlink("/dev/full", options.log_file);
    Logger logger(options);
    testing::internal::CaptureStderr();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 1000; ++i) logger.log(LogLevel::Info, "line");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
    const auto complaint = testing::internal::GetCapturedStderr();
    EXPECT_THAT(complaint, HasSubstr("cannot be written: No space left on device"));
    EXPECT_EQ(std::count(complaint.begin(), complaint.end(), '\n'), 1);
    logger.trace(LogLevel::Info, "the other file still works");
    EXPECT_EQ(lines_of(options.trace_file).size(), 1u);
}

TEST_F(LoggerTest, AFailedRotationNeitherThrowsNorCrashes) {
    if (::geteuid() == 0) GTEST_SKIP() << "the superuser may rename and create everywhere";
    auto options = file_options();
    options.file_size_kib = 1;
    Logger logger(options);
    std::filesystem::permissions(options.log_file.parent_path(), std::filesystem::perms(0550));
    for (int i = 0; i < 100; ++i) logger.log(LogLevel::Info, std::string(100, 'x'));
    std::filesystem::permissions(options.log_file.parent_path(), std::filesystem::perms(0750));
}

TEST_F(LoggerTest, AFileWhosePlaceVanishedNeitherThrowsNorCrashes) {
    auto options = file_options();
    options.file_size_kib = 1;
    Logger logger(options);
    std::filesystem::remove_all(folder_ / "log");
    testing::internal::CaptureStderr();
    for (int i = 0; i < 100; ++i) logger.log(LogLevel::Info, std::string(100, 'x'));
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("cannot be written"));
}

TEST_F(LoggerTest, StandardOutputAndErrorGetWholeLines) {
    LoggerOptions options;
    options.node_type = "ESS";
    options.destinations = {Destination::StandardOutput, Destination::StandardError};
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    {
        Logger logger(options);
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 100; ++i) logger.log(LogLevel::Info, "abc");
            });
        }
        for (auto& thread : threads) thread.join();
    }
    for (const auto& text : {testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()}) {
        std::istringstream stream(text);
        int count = 0;
        for (std::string line; std::getline(stream, line); ++count) {
            ASSERT_THAT(line, MatchesRegex(std::string("ESS: ") + kDate + "INFO: abc"));
        }
        EXPECT_EQ(count, 400);
    }
}

TEST_F(LoggerTest, ANamedLogPutsItsNameFirst) {
    const auto options = file_options();
    Logger logger(options);
    NamedLog named(logger, "store-lmdb");
    named.log(LogLevel::Info, "opened");
    named.log(LogLevel::Debug, "left out");
    EXPECT_FALSE(named.logs(LogLevel::Debug));
    EXPECT_THAT(lines_of(options.log_file), ElementsAre(testing::EndsWith("INFO: store-lmdb: opened")));
}

TEST_F(LoggerTest, TheDefaultSizeIsLimitedByTheFileSystem) {
    EXPECT_EQ(limited_by_file_system(1, folder_), 1);
    EXPECT_GE(limited_by_file_system(INT64_MAX, folder_), 20);
    EXPECT_LT(limited_by_file_system(INT64_MAX, folder_), INT64_MAX);
}

class FewSettings final : public Settings {
public:
    std::map<std::string, std::string, std::less<>> values = {
        {"LogLevel", "debug"},           {"TraceLevel", "loud"},      {"LogRootPath", "/l"},
        {"TraceRootPath", "/t"},         {"LogFileName", "a"},        {"TraceFileName", "b"},
        {"LogTraceDestination", "file"}, {"LogTraceFileSizeKB", "7"}, {"MaxCompressedlLogTraceFilesNumber", "3"}};
    std::string text(std::string_view key) const override { return values.find(key)->second; }
    bool boolean(std::string_view) const override { return false; }
    std::int64_t integer(std::string_view key) const override { return std::stoll(text(key)); }
    std::vector<std::string> list(std::string_view key) const override {
        std::istringstream stream(text(key));
        std::vector<std::string> elements;
        for (std::string element; std::getline(stream, element, ',');) elements.push_back(element);
        return elements;
    }
    bool is_set(std::string_view key) const override { return key == "LogTraceFileSizeKB"; }
    NodeRole role() const override { return NodeRole::Ess; }
    std::string persistence_root() const override { return "/p/"; }
};

TEST(LoggerOptions, ComeFromTheSettings) {
    FewSettings settings;
    settings.values["LogTraceDestination"] = "Syslog,paper,FILE,file,glog,stdout";
    const auto options = LoggerOptions::from(settings);
    EXPECT_EQ(options.node_type, "ESS");
    EXPECT_EQ(options.log_level, LogLevel::Debug);
    EXPECT_EQ(options.trace_level, LogLevel::Info);
    EXPECT_THAT(options.destinations,
                ElementsAre(Destination::Syslog, Destination::File, Destination::StandardError, Destination::StandardOutput));
    EXPECT_EQ(options.log_file, "/l/a.log");
    EXPECT_EQ(options.trace_file, "/t/b.log");
    EXPECT_EQ(options.file_size_kib, 7);
    EXPECT_FALSE(options.is_limited_by_file_system);
    EXPECT_EQ(options.files_kept, 3);
}

TEST(LoggerOptions, WithoutAUsableDestinationAreRefused) {
    FewSettings settings;
    settings.values["LogTraceDestination"] = "paper";
    EXPECT_THROW(LoggerOptions::from(settings), Error);
    settings.values["LogTraceDestination"] = "file";
    settings.values["LogFileName"] = "../a";
    EXPECT_THROW(LoggerOptions::from(settings), Error);
}

}  // namespace
}  // namespace edgesync::ops
