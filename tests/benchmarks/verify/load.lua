-- Draws a random line for each request and tells the result as one line of JSON.
-- Arguments: file of keys, GET or POST, path, extra header lines. A line of the file is a key; a username and an address
-- behind it are sent with it.
local keys, heads, method, path, extra = {}, {}, "GET", "/", ""

function init(arguments)
  for line in io.lines(arguments[1]) do
    local key, username, address = line:match("^(%S+) ?(%S*) ?(%S*)$")
    keys[#keys + 1] = key
    if username ~= "" then
      heads[#keys] = "x-username: " .. username .. "\r\nx-keydesk-client-address: " .. address .. "\r\n"
    end
  end
  method, path, extra = arguments[2], arguments[3], arguments[4] or ""
  math.randomseed(os.time())
end

function request()
  local place = math.random(#keys)
  local key = keys[place]
  if method == "GET" then
    return "GET " .. path .. " HTTP/1.1\r\nHost: api\r\nx-api-key: " .. key .. "\r\n" .. (heads[place] or "") .. extra .. "\r\n"
  end
  local body = '{"key":"' .. key .. '","product":"disbursement"}'
  return "POST " .. path .. " HTTP/1.1\r\nHost: api\r\n" .. extra .. "Content-Type: application/json\r\nContent-Length: "
    .. #body .. "\r\n\r\n" .. body
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %f, "refused": %d, "broken": %d, "p50_us": %d, "p99_us": %d}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
