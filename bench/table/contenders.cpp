#include "bench/table/contenders.hpp"

#include "bench/table/writing_process.hpp"
#include "cache/layout.hpp"
#include "cache/segment.hpp"
#include "cache/session_reader.hpp"
#include "cache/session_writer.hpp"

#include <benchmark/benchmark.h>
#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <sys/stat.h>
#include <thread>

namespace postern::bench {
namespace {

template <class T>
T value_or_give_up(base::result<T> result) {
    if (!result)
        give_up(result.error().text());
    return std::move(*result);
}

cache::route route_of(std::string_view key, std::uint64_t version) {
    cache::route route;
    route.state = cache::route_state::active;
    route.target = *base::ip_endpoint::parse("10.1.2.3:4321");
    route.version = version;
    route.started_at_ms = 1'700'000'000'000;
    route.resume_until_ms = 1'900'000'000'000;
    route.set_text(key, {});
    return route;
}

class postern_table final : public contender {
  public:
    postern_table(const std::string& directory, std::uint64_t sessions)
        : path_{path_in(directory, sessions)}, sessions_{sessions} {
        std::filesystem::remove(path_);
        value_or_give_up(cache::prepare(path_, sessions));
        auto writer = value_or_give_up(cache::session_writer::open(path_));
        for (std::uint64_t n = 0; n < sessions; ++n) {
            const std::string key = key_of(n);
            if (writer.put(key, route_of(key, 1)) != cache::put_result::inserted)
                give_up("a key was refused");
        }
        reader_.emplace(value_or_give_up(cache::session_reader::open(path_, 0)));
    }
    ~postern_table() override {
        process_.reset();
        std::filesystem::remove(path_);
    }
    static std::string path_in(const std::string& directory, std::uint64_t sessions) {
        return directory + "/bench-" + std::to_string(::getpid()) + "-" + std::to_string(sessions) +
               ".table";
    }

    bool look_up(std::string_view key) override {
        const bool found = reader_->look_up(key, reader_->hash_of(key), out_);
        benchmark::DoNotOptimize(out_);
        return found;
    }
    void start_writer() override {
        process_.emplace([&]() -> writing_process::batch {
            auto writer = std::make_shared<cache::session_writer>(
                value_or_give_up(cache::session_writer::open(path_)));
            const auto base = static_cast<std::uint64_t>(
                std::chrono::steady_clock::now().time_since_epoch().count());
            return [writer, base, sessions = sessions_](std::uint64_t first, std::uint64_t count) {
                for (std::uint64_t n = first; n < first + count; ++n) {
                    const std::string key = key_of(mixed(base + n) % sessions);
                    writer->put(key, route_of(key, base + n));
                }
            };
        });
    }
    double stop_writer() override {
        const double rate = process_->changes_a_second();
        process_.reset();
        return rate;
    }

  private:
    std::string path_;
    std::uint64_t sessions_;
    std::optional<cache::session_reader> reader_;
    std::optional<writing_process> process_;
    cache::route out_;
};

struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
        return boost::hash<std::string_view>{}(text);
    }
};

template <bool Locked>
class flat_map final : public contender {
  public:
    explicit flat_map(std::uint64_t sessions) : sessions_{sessions} {
        map_.reserve(sessions);
        for (std::uint64_t n = 0; n < sessions; ++n)
            map_.emplace(key_of(n), record{});
    }
    ~flat_map() override {
        if (thread_.joinable())
            stop_writer();
    }
    bool look_up(std::string_view key) override {
        std::shared_lock<std::shared_mutex> lock{mutex_, std::defer_lock};
        if constexpr (Locked)
            lock.lock();
        const auto found = map_.find(key);
        if (found == map_.end())
            return false;
        out_ = found->second;
        benchmark::DoNotOptimize(out_);
        return true;
    }
    void start_writer() override {
        stop_ = false;
        done_ = 0;
        began_ = std::chrono::steady_clock::now();
        thread_ = std::thread{[&] {
            pin_to(writer_core);
            keep_pace(
                [&](std::uint64_t first, std::uint64_t count) {
                    for (std::uint64_t n = first; n < first + count; ++n) {
                        const std::string key = key_of(mixed(n) % sessions_);
                        const std::unique_lock lock{mutex_};
                        map_.find(key)->second.version = n;
                    }
                },
                stop_, done_);
        }};
    }
    double stop_writer() override {
        const std::chrono::duration<double> past = std::chrono::steady_clock::now() - began_;
        const double rate = static_cast<double>(done_.load()) / past.count();
        stop_ = true;
        thread_.join();
        return rate;
    }

  private:
    std::uint64_t sessions_;
    boost::unordered_flat_map<std::string, record, text_hash, std::equal_to<>> map_;
    std::shared_mutex mutex_;
    std::thread thread_;
    std::atomic<bool> stop_ = false;
    std::atomic<std::uint64_t> done_ = 0;
    std::chrono::steady_clock::time_point began_;
    record out_;
};

double milliseconds_since(std::chrono::steady_clock::time_point began) {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began)
        .count();
}

double median(std::vector<double> all) {
    std::sort(all.begin(), all.end());
    return all[all.size() / 2];
}

} // namespace

std::unique_ptr<contender> make_postern(const std::string& directory, std::uint64_t sessions) {
    return std::make_unique<postern_table>(directory, sessions);
}

std::unique_ptr<contender> make_flat_map(std::uint64_t sessions, bool locked) {
    if (locked)
        return std::make_unique<flat_map<true>>(sessions);
    return std::make_unique<flat_map<false>>(sessions);
}

table_figures measure_postern(const std::string& directory, std::uint64_t sessions) {
    table_figures figures;
    const std::string path = postern_table::path_in(directory, sessions);
    struct stat file = {};
    if (::stat(path.c_str(), &file) != 0)
        give_up("the table cannot be looked at");
    figures.bytes_per_session =
        static_cast<double>(file.st_blocks) * 512 / static_cast<double>(sessions);
    std::vector<double> starts;
    std::vector<double> first_looks;
    for (int i = 0; i < 7; ++i) {
        auto began = std::chrono::steady_clock::now();
        { const auto writer = value_or_give_up(cache::session_writer::open(path)); }
        starts.push_back(milliseconds_since(began));
        began = std::chrono::steady_clock::now();
        const auto reader = value_or_give_up(cache::session_reader::open(path, 1));
        if (!reader.look_up(key_of(sessions / 2)))
            give_up("a key is missing");
        first_looks.push_back(milliseconds_since(began) * 1000);
    }
    figures.warm_start_ms = median(starts);
    figures.first_look_up_us = median(first_looks);
    return figures;
}

} // namespace postern::bench
