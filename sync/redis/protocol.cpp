// hiredis parses and formats; connections are ours. Its own (0.14 in Debian 12) speak no TLS, and a
// read that blocks in it cannot be ended by a stop.
#include "sync/redis/protocol.hpp"

#include "base/check.hpp"
#include "sync/redis/redis_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <hiredis/hiredis.h>

namespace postern::sync::redis {

using base::failure;
using base::result;

const reply& reply::at(std::size_t n) const noexcept {
    static const reply none;
    return n < items.size() ? items[n] : none;
}

std::optional<std::int64_t> reply::whole() const noexcept {
    if (what == kind::integer)
        return number >= 0 ? std::optional{number} : std::nullopt;
    std::int64_t read = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, read);
    if (what != kind::text || error != std::errc{} || stopped != end || read < 0)
        return std::nullopt;
    return read;
}

std::string command_of(std::span<const std::string_view> words) {
    std::vector<const char*> starts;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : words) {
        starts.push_back(word.data() != nullptr ? word.data() : "");
        sizes.push_back(word.size());
    }
    char* bytes = nullptr;
    const int size = ::redisFormatCommandArgv(&bytes, static_cast<int>(words.size()), starts.data(),
                                              sizes.data());
    POSTERN_CHECK(size >= 0);
    std::string made{bytes, static_cast<std::size_t>(size)};
    ::redisFreeCommand(bytes);
    return made;
}

/// The reply that is being read. hiredis calls back for each part; what it gets as an object is the
/// place in `root_`, which stays where it is: an array has all its places from the beginning.
class reply_reader::tree {
  public:
    explicit tree(limits bounds)
        : bounds_{bounds}, reader_{::redisReaderCreateWithFunctions(&functions)} {
        POSTERN_CHECK(reader_ != nullptr);
        reader_->privdata = this;
    }
    ~tree() { ::redisReaderFree(reader_); }
    tree(const tree&) = delete;
    tree& operator=(const tree&) = delete;

    result<void> feed(std::string_view bytes) {
        bytes_ += bytes.size();
        if (bytes_ > bounds_.bytes_max)
            return failure{redis_error::too_large,
                           fmt::format("an answer has more than {} bytes", bounds_.bytes_max)};
        if (::redisReaderFeed(reader_, bytes.data(), bytes.size()) != REDIS_OK)
            return failed();
        return {};
    }

    result<std::optional<reply>> next() {
        void* done = nullptr;
        if (::redisReaderGetReply(reader_, &done) != REDIS_OK)
            return failed();
        if (done == nullptr)
            return std::optional<reply>{};
        bytes_ = parts_ = 0;
        return std::optional{std::move(root_)};
    }

  private:
    failure failed() const {
        if (parts_ > bounds_.parts_max)
            return {redis_error::too_large,
                    fmt::format("an answer has more than {} parts", bounds_.parts_max)};
        return {redis_error::strange, reader_->errstr};
    }

    /// `parts` of it are to come. Null: too many. The C library in between lets no exception
    /// through.
    static reply* place(const redisReadTask* task, std::size_t parts = 0) noexcept {
        tree& mine = *static_cast<tree*>(task->privdata);
        mine.parts_ += parts;
        if (mine.parts_ > mine.bounds_.parts_max)
            return nullptr;
        if (task->parent != nullptr)
            return &static_cast<reply*>(task->parent->obj)
                        ->items[static_cast<std::size_t>(task->idx)];
        mine.root_ = reply{};
        return &mine.root_;
    }
    static void* make_text(const redisReadTask* task, char* bytes, std::size_t size) noexcept {
        reply* const made = place(task);
        if (made != nullptr) {
            made->what = task->type == REDIS_REPLY_ERROR ? reply::kind::error : reply::kind::text;
            made->text.assign(bytes, size);
        }
        return made;
    }
    static void* make_array(const redisReadTask* task, int size) noexcept {
        const auto parts = static_cast<std::size_t>(std::max(size, 0));
        reply* const made = place(task, parts);
        if (made != nullptr) {
            made->what = reply::kind::array;
            made->items.resize(parts);
        }
        return made;
    }
    static void* make_integer(const redisReadTask* task, long long number) noexcept {
        reply* const made = place(task);
        if (made != nullptr) {
            made->what = reply::kind::integer;
            made->number = number;
        }
        return made;
    }
    static void* make_nil(const redisReadTask* task) noexcept { return place(task); }
    static void leave(void*) noexcept {}

    static inline redisReplyObjectFunctions functions{make_text, make_array, make_integer, make_nil,
                                                      leave};

    const limits bounds_;
    redisReader* const reader_;
    reply root_;
    std::size_t bytes_ = 0; // since the last reply ended
    std::size_t parts_ = 0;
};

reply_reader::reply_reader(limits bounds) : tree_{std::make_unique<tree>(bounds)} {}
reply_reader::~reply_reader() = default;

result<void> reply_reader::feed(std::string_view bytes) {
    return tree_->feed(bytes);
}

result<std::optional<reply>> reply_reader::next() {
    return tree_->next();
}

} // namespace postern::sync::redis
