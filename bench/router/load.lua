-- wrk's side of a case: requests made beforehand, so that the load costs little; one line of JSON at the end.
-- wrk -s load.lua URL -- CASE SESSIONS INITIALIZING
local requests, at = {}, 0

local function path_of(kind, i, active, initializing)
  local session = ({
    proxy = string.format("/session/a%06d/src/main.js", i % active),
    unknown = string.format("/session/x%06d/src/main.js", i),
    loading = string.format("/session/i%06d/src/main.js", i % initializing),
    big = string.format("/session/a%06d/big", i % active),
    static = "/static/page.html",
  })[kind]
  return session
end

function init(args)
  local case, sessions, initializing = args[1], tonumber(args[2]), tonumber(args[3])
  local active = sessions - initializing
  local headers = {
    ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    ["Accept-Encoding"] = "gzip, deflate, br",
    ["Accept-Language"] = "en-US,en;q=0.5",
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
  }
  if case == "close" then headers["Connection"] = "close" end
  local kind = case == "close" and "proxy" or case
  for n = 1, 4096 do
    local i = n * 7919 -- a prime: neighbours in time are no neighbours in any table
    local this = kind
    if kind == "mixed" then this = n % 20 == 0 and "unknown" or n % 20 == 10 and "loading" or "proxy" end
    requests[n] = wrk.format("GET", path_of(this, i, active, initializing), headers)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"errors":%d,"statuses":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.timeout, e.status,
    latency:percentile(50), latency:percentile(99)))
end
