-- For wrk.py: posts recordings in turn, and prints statuses and latencies as one line of JSON.
--     wrk --script scripts/bench/wrk_post.lua http://HOST:PORT/predict -- FILE...
local requests, turn, threads = {}, 0, {}

function setup(thread)
  table.insert(threads, thread)
end

function init(files)
  statuses = {}
  local headers = { ["content-type"] = "multipart/form-data; boundary=a-boundary" }
  for _, path in ipairs(files) do
    local file = assert(io.open(path, "rb"))
    local head = '--a-boundary\r\ncontent-disposition: form-data; name="file"; filename="cry.wav"\r\n\r\n'
    table.insert(requests, wrk.format("POST", nil, headers, head .. file:read("*a") .. "\r\n--a-boundary--\r\n"))
    file:close()
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function delay()
  return tonumber(os.getenv("PAUSE_MS"))
end

function response(status)
  statuses[tostring(status)] = (statuses[tostring(status)] or 0) + 1
end

function done(summary, latency)
  local total = {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do
      total[status] = (total[status] or 0) + count
    end
  end
  local counts = {}
  for status, count in pairs(total) do
    table.insert(counts, string.format('"%s": %d', status, count))
  end
  local errors = summary.errors
  io.write(string.format(
    '{"seconds": %f, "p50_ms": %f, "p99_ms": %f, "broken": %d, "statuses": {%s}}\n',
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.timeout, table.concat(counts, ", ")))
end
