#include "bench/table/contenders.hpp"
#include "bench/table/writing_process.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <lmdb.h>
#include <optional>

namespace postern::bench {
namespace {

void check(int code, const char* what) {
    if (code != 0)
        give_up(std::string{what} + ": " + mdb_strerror(code));
}

struct lmdb_file {
    MDB_env* env = nullptr;
    MDB_dbi dbi = 0;

    lmdb_file(const std::string& path, bool create) {
        check(mdb_env_create(&env), "mdb_env_create");
        check(mdb_env_set_mapsize(env, std::size_t{16} << 30), "mdb_env_set_mapsize");
        // The fastest it can be: no sync, writes into the mapping, no thread-bound readers.
        check(mdb_env_open(env, path.c_str(),
                           MDB_NOSUBDIR | MDB_NOSYNC | MDB_WRITEMAP | MDB_NOMETASYNC | MDB_NOTLS,
                           0600),
              "mdb_env_open");
        MDB_txn* txn = nullptr;
        check(mdb_txn_begin(env, nullptr, 0, &txn), "mdb_txn_begin");
        check(mdb_dbi_open(txn, nullptr, create ? MDB_CREATE : 0, &dbi), "mdb_dbi_open");
        check(mdb_txn_commit(txn), "mdb_txn_commit");
    }
    lmdb_file(const lmdb_file&) = delete;
    lmdb_file& operator=(const lmdb_file&) = delete;
    ~lmdb_file() { mdb_env_close(env); }

    void put_all(std::uint64_t first, std::uint64_t count,
                 const std::function<std::uint64_t(std::uint64_t)>& number) const {
        MDB_txn* txn = nullptr;
        check(mdb_txn_begin(env, nullptr, 0, &txn), "mdb_txn_begin");
        for (std::uint64_t n = first; n < first + count; ++n) {
            std::string text = key_of(number(n));
            record value;
            value.version = n;
            MDB_val key{text.size(), text.data()};
            MDB_val data{sizeof value, &value};
            check(mdb_put(txn, dbi, &key, &data, 0), "mdb_put");
        }
        check(mdb_txn_commit(txn), "mdb_txn_commit");
    }
};

class lmdb_table final : public contender {
  public:
    lmdb_table(const std::string& directory, std::uint64_t sessions)
        : path_{directory + "/bench-" + std::to_string(::getpid()) + "-" +
                std::to_string(sessions) + ".lmdb"},
          sessions_{sessions} {
        remove();
        file_.emplace(path_, true);
        for (std::uint64_t n = 0; n < sessions; n += 10'000)
            file_->put_all(n, std::min<std::uint64_t>(10'000, sessions - n),
                           [](std::uint64_t i) { return i; });
        check(mdb_txn_begin(file_->env, nullptr, MDB_RDONLY, &txn_), "mdb_txn_begin");
        mdb_txn_reset(txn_);
    }
    ~lmdb_table() override {
        process_.reset();
        mdb_txn_abort(txn_);
        file_.reset();
        remove();
    }
    bool look_up(std::string_view text) override {
        MDB_val key{text.size(), const_cast<char*>(text.data())};
        MDB_val data{};
        if (mdb_txn_renew(txn_) != 0)
            return false;
        const bool found = mdb_get(txn_, file_->dbi, &key, &data) == 0;
        if (found)
            std::memcpy(&out_, data.mv_data, sizeof out_);
        mdb_txn_reset(txn_);
        benchmark::DoNotOptimize(out_);
        return found;
    }
    void start_writer() override {
        process_.emplace([&]() -> writing_process::batch {
            auto file = std::make_shared<lmdb_file>(path_, false);
            return [file, sessions = sessions_](std::uint64_t first, std::uint64_t count) {
                file->put_all(first, count, [&](std::uint64_t n) { return mixed(n) % sessions; });
            };
        });
    }
    double stop_writer() override {
        const double rate = process_->changes_a_second();
        process_.reset();
        return rate;
    }

  private:
    void remove() const {
        std::filesystem::remove(path_);
        std::filesystem::remove(path_ + "-lock");
    }

    std::string path_;
    std::uint64_t sessions_;
    std::optional<lmdb_file> file_;
    std::optional<writing_process> process_;
    MDB_txn* txn_ = nullptr;
    record out_;
};

} // namespace

std::unique_ptr<contender> make_lmdb(const std::string& directory, std::uint64_t sessions) {
    return std::make_unique<lmdb_table>(directory, sessions);
}

} // namespace postern::bench
