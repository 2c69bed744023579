// Nothing outside the root, however it is spelled or linked; nothing that is no plain file.
#include "edge/static/open_beneath.hpp"
#include "edge/static/static_files.hpp"
#include "tests/unit/static/static_root.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <vector>

namespace postern::edge {
namespace {

namespace fs = std::filesystem;
using tests::answer_static;
using tests::body_of;
using tests::request;

const std::vector<std::string> index_names{"index.html"};

class static_escape : public ::testing::Test {
  protected:
    static_escape() {
        root.put("index.html", "home");
        root.put("docs/index.html", "docs");
        root.put("../secret.txt", "SECRET");
        root.put("../secret.html", "SECRET");
        root.put("../site-private/index.html", "SECRET");
        root.put("../index.html", "SECRET");
    }
    static_answer get(std::string_view rest) {
        return answer_static(root.site().string(), "", rest, index_names, request(), false);
    }
    tests::static_root root;
};

TEST_F(static_escape, spellings) {
    const std::vector<std::string> spellings{
        "/../secret.txt",
        "../secret.txt",
        "..",
        ".",
        "/..",
        "/.",
        "/../",
        "/./",
        "/./../secret.txt",
        "/docs/../../secret.txt",
        "/docs/../index.html", // inside, but whoever asks so is up to something
        "/docs/./index.html",
        "/docs/..",
        "/docs/.",
        "/none/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E/secret.txt",
        "/.%2e/secret.txt",
        "/%2e./secret.txt",
        "/..%2fsecret.txt",
        "/..%2Fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "%2e%2e%2fsecret.txt",
        "/%2fetc/passwd",
        "/%2f..%2fsecret.txt",
        "/%2e%2e%5csecret.txt",
        "/..\\secret.txt",
        "/..%5csecret.txt",
        "\\..\\secret.txt",
        "/\\../secret.txt",
        "/%5c..%5csecret.txt",
        "/docs\\..\\..\\secret.txt",
        "/%252e%252e/secret.txt",
        "/%252e%252e%252fsecret.txt",
        "/%25252e%25252e/secret.txt",
        "/%c0%ae%c0%ae/secret.txt",       // overlong '.'
        "/%c0%ae%c0%ae%c0%afsecret.txt",  // overlong '/'
        "/%e0%80%ae%e0%80%ae/secret.txt", // longer still
        "/%uff0e%uff0e/secret.txt",
        "/%u002e%u002e/secret.txt",
        "/\uff0e\uff0e/secret.txt", // full-width dots
        "/..%00/secret.txt",
        "/..%00.html",
        "/index.html%00.txt",
        "/%00",
        "/%00/../secret.txt",
        "/..%0d%0a/secret.txt",
        "/..%09/secret.txt",
        "/..;/secret.txt",
        "/..;x=1/secret.txt",
        "/.../secret.txt",
        "/....//secret.txt",
        "/....\\/secret.txt",
        "/..../secret.txt",
        "//../secret.txt",
        "///../secret.txt",
        "/docs//../../secret.txt",
        "/docs/%2e%2e/%2e%2e/secret.txt",
        "/docs/..//..//secret.txt",
        "/../site/../secret.txt",
        "/../site-private/index.html",
        "/../site-private/",
        "-private/index.html", // the root's name as a prefix of its neighbour's
        "/etc/passwd",
        "//etc/passwd",
        "/../../../../../../../../etc/passwd",
        "/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/../" + root.top().filename().string() + "/secret.txt",
        root.top().string() + "/secret.txt",
        "/proc/self/environ",
        "/~root/.bashrc",
        "/ ../secret.txt",
        "/.. /secret.txt",
        "/%20../secret.txt",
        "/.%2e%20/secret.txt",
        "/file:///etc/passwd",
        "/..%2",
        "/..%",
        "/%%32%65%%32%65/secret.txt",
        "/..\x01/secret.txt",
        std::string{"/..\0/secret.txt", 16},
        "/../secret", // .html is added
        "/%2e%2e/secret",
        "/../index.html",
    };
    EXPECT_GE(spellings.size(), 40U);
    for (const std::string& rest : spellings) {
        static_answer answer = get(rest);
        // A redirect goes to a spelling that is judged again.
        for (int hops = 0; answer.status == 301 && hops < 3; ++hops)
            answer = get(tests::header(answer, "Location"));
        EXPECT_EQ(answer.status, 404U) << rest;
        EXPECT_FALSE(answer.file) << rest;
        EXPECT_EQ(body_of(answer).find("SECRET"), std::string::npos) << rest;
    }
}

TEST_F(static_escape, links) {
    const fs::path site = root.site();
    fs::create_symlink("../secret.txt", site / "out.txt");
    fs::create_symlink("../secret.html", site / "out.html");
    fs::create_symlink((root.top() / "secret.txt").string(), site / "absolute-out.txt");
    fs::create_symlink((site / "index.html").string(), site / "absolute-in.txt");
    fs::create_symlink("..", site / "up");
    fs::create_symlink("/", site / "everything");
    fs::create_symlink("/proc/self/root", site / "magic");
    fs::create_symlink("docs/../../secret.txt", site / "round-about");
    fs::create_symlink("loop-b", site / "loop-a");
    fs::create_symlink("loop-a", site / "loop-b");
    fs::create_symlink("gone", site / "dangling");
    fs::create_symlink("index.html", site / "in.txt");
    fs::create_symlink("docs", site / "manual");
    fs::create_symlink("../index.html", site / "docs" / "up-but-inside.html");
    for (const char* rest :
         {"/out.txt", "/out", "/absolute-out.txt", "/absolute-in.txt", "/up/secret.txt", "/up/",
          "/up", "/everything/etc/passwd", "/everything/", "/magic/etc/passwd", "/round-about",
          "/loop-a", "/dangling", "/dangling/x"}) {
        const static_answer answer = get(rest);
        EXPECT_EQ(answer.status, 404U) << rest;
        EXPECT_FALSE(answer.file) << rest;
    }
    EXPECT_EQ(body_of(get("/in.txt")), "home");
    EXPECT_EQ(body_of(get("/manual/")), "docs");
    EXPECT_EQ(body_of(get("/docs/up-but-inside")), "home");
    fs::remove(site / "index.html");
    fs::create_symlink("../secret.html", site / "index.html");
    fs::create_symlink("../secret.html", site / "404.html");
    EXPECT_EQ(get("/").status, 404U);
    EXPECT_TRUE(get("/none").not_found);
}

TEST_F(static_escape,
       a_root_may_itself_be_a_link) { // how sites are switched from one build to the next
    fs::create_directory_symlink("site", root.top() / "current");
    const auto answer = answer_static((root.top() / "current").string(), "", "/docs/", index_names,
                                      request(), false);
    EXPECT_EQ(body_of(answer), "docs");
}

TEST_F(static_escape, special_files_are_missing_and_never_wait) {
    const std::string fifo = (root.site() / "fifo").string();
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0644), 0);
    const base::unique_fd socket{::socket(AF_UNIX, SOCK_STREAM, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = (root.site() / "socket").string();
    ASSERT_LT(name.size(), sizeof address.sun_path);
    name.copy(address.sun_path, name.size());
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    if (::geteuid() == 0) {
        EXPECT_EQ(::mknod((root.site() / "zero").c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
    }
    // A wait for the other end of the fifo would have no end.
    for (const char* rest : {"/fifo", "/socket", "/zero", "/fifo/", "/fifo/x"}) {
        const static_answer answer = get(rest);
        EXPECT_EQ(answer.status, 404U) << rest;
        EXPECT_FALSE(answer.file) << rest;
    }
}

TEST_F(static_escape, names_of_any_length) {
    EXPECT_EQ(get("/" + std::string(300, 'a')).status, 404U);
    EXPECT_EQ(get("/" + std::string(5'000, 'a')).status, 404U);
    EXPECT_EQ(get("/" + std::string(100'000, 'a')).status, 404U);
    std::string deep;
    for (int i = 0; i < 20'000; ++i)
        deep += "/a";
    EXPECT_EQ(get(deep).status, 404U);
    std::string dots;
    for (int i = 0; i < 20'000; ++i)
        dots += "/..";
    EXPECT_EQ(get(dots).status, 404U);
    EXPECT_EQ(get(std::string(100'000, '/')).status, 301U);
    const std::string longest(250, 'n');
    root.put(longest, "long");
    EXPECT_EQ(body_of(get("/" + longest)), "long");
}

TEST_F(static_escape, no_descriptors_is_no_lie_about_the_file) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const int next = base::unique_fd{::dup(0)}.get();
    ASSERT_GE(next, 0);
    // None for the root; one for the root and none for the file.
    for (const int limit : {next, next + 1}) {
        const rlimit few{.rlim_cur = static_cast<rlim_t>(limit), .rlim_max = before.rlim_max};
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
        const static_answer answer = get("/");
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
        EXPECT_EQ(answer.status, 503U) << limit - next;
        EXPECT_FALSE(answer.not_found) << limit - next;
        EXPECT_EQ(tests::header(answer, "Retry-After"), "1") << limit - next;
    }
}

TEST_F(static_escape, without_openat2_links_are_not_followed_at_all) {
    fs::create_symlink("../secret.txt", root.site() / "out.txt");
    fs::create_symlink("index.html", root.site() / "in.txt");
    fs::create_symlink("docs", root.site() / "manual");
    fs::create_symlink("..", root.site() / "up");
    const base::unique_fd folder{::open(root.site().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    for (const char* path : {"out.txt", "in.txt", "manual/index.html", "up/secret.txt",
                             "../secret.txt", "docs/../index.html", "/etc/passwd",
                             "docs//index.html", "docs/../../secret.txt", "index.html/x", "none"})
        EXPECT_FALSE(open_beneath(folder.get(), path, beneath::components)) << path;
    for (const char* path : {"index.html", "docs/index.html"}) {
        const auto file = open_beneath(folder.get(), path, beneath::components);
        ASSERT_TRUE(file) << path;
        EXPECT_TRUE(file->is_regular()) << path;
    }
    const auto itself = open_beneath(folder.get(), "", beneath::components);
    ASSERT_TRUE(itself);
    EXPECT_TRUE(itself->is_folder());
}

} // namespace
} // namespace postern::edge
