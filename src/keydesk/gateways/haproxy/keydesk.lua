-- Asks Keydesk's verifier about a request, for HAProxy 2.6 or newer (it has no sub-request of its own).
--
--   http-request lua.keydesk keydesk_verifier /v1/authorize/<product>
--
-- The first argument names a backend with one server, the verifier; its name may be looked up, its path is the door's.
-- The action either ends the request with the verifier's own refusal, or leaves `txn.keydesk`:
--   ok         accepted; the identity is in txn.keydesk_account and so on
--   malformed  the verifier's server could not read the request as HTTP
--   undecided  there was no decision in time, or none that can be believed
-- Nothing passes by mistake: if this file fails, the variable is not there, and the configuration answers 503.

local TIMEOUT_SECONDS = 0.3

-- HAProxy takes a pepper that is no base64 for an empty one, and would find no key: 32 bytes, or it does not start.
local pepper = os.getenv("KEYDESK_PEPPER") or ""
if pepper ~= "" and not (#pepper == 44 and pepper:find("^[A-Za-z0-9+/]+=$")) then
    error("KEYDESK_PEPPER must be 44 characters of base64 that end in =")
end

-- What belongs to the client's connection or body, not to the question.
local STAYS_BEHIND = {
    ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true,
    ["http2-settings"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["te"] = true,
    ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true,
}

-- An acceptance without one of these is none. Each becomes txn.keydesk_...
local IDENTITY = {
    ["x-keydesk-account"] = "account", ["x-keydesk-username"] = "username",
    ["x-keydesk-product"] = "product", ["x-keydesk-key-id"] = "key_id",
    ["x-keydesk-environment"] = "environment", ["x-keydesk-scopes"] = "scopes",
    ["x-keydesk-request-id"] = "request_id",
}

-- What an accepted client is told of its limit.
local LIMITS = { ["ratelimit"] = "ratelimit", ["ratelimit-policy"] = "ratelimit_policy" }

-- What a refused client may read of the verifier's answer.
local PASSED_ON = {
    ["cache-control"] = true, ["content-type"] = true, ["ratelimit"] = true, ["ratelimit-policy"] = true,
    ["retry-after"] = true, ["www-authenticate"] = true, ["x-keydesk-request-id"] = true,
}

local REFUSALS = { [401] = true, [403] = true, [429] = true, [503] = true }

-- Gives the question as bytes, each header line as often as it came; nil if a value could break out of its line.
local function question(txn, door)
    local lines = { "GET " .. door .. " HTTP/1.1", "host: keydesk", "connection: close" }
    for name, values in pairs(txn.http:req_get_headers()) do
        if not STAYS_BEHIND[name] then
            for at = 0, #values do
                if values[at]:find("[\r\n]") then
                    return nil
                end
                lines[#lines + 1] = name .. ": " .. values[at]
            end
        end
    end
    return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- Gives everything that the verifier answers, nil if it does not do so in time.
local function exchange(backend, sent)
    local server = next(core.backends[backend].servers)
    local address = core.backends[backend].servers[server]:get_addr()
    local socket = core.tcp()
    socket:settimeout(TIMEOUT_SECONDS)
    local received
    if socket:connect(address) and socket:send(sent) then
        received = socket:receive("*a")
    end
    socket:close()
    return received
end

-- Gives status, headers and body of an answer that ended with its connection; nil if it is not a whole one.
local function parse(received)
    local status, head, body = received:match("^HTTP/1%.[01] (%d%d%d)[^\r\n]*\r\n(.-\r\n)\r\n(.*)$")
    if not status then
        return nil
    end
    local headers = {}
    for name, value in head:gmatch("([^:\r\n]+):[ \t]*([^\r\n]*)\r\n") do
        headers[name:lower()] = value
    end
    if headers["transfer-encoding"] or tonumber(headers["content-length"] or "0") ~= #body then
        return nil
    end
    return tonumber(status), headers, body
end

-- Keeps the identity and the limits of an acceptance for the configuration; says whether the identity was whole.
local function keep(txn, headers)
    for name, variable in pairs(IDENTITY) do
        if not headers[name] then
            return false
        end
        txn:set_var("txn.keydesk_" .. variable, headers[name])
    end
    for name, variable in pairs(LIMITS) do
        if headers[name] then
            txn:set_var("txn.keydesk_" .. variable, headers[name])
        end
    end
    return true
end

-- Ends the request with the verifier's refusal.
local function refuse(txn, status, headers, body)
    local reply = txn:reply{ status = status }
    for name, value in pairs(headers) do
        if PASSED_ON[name] then
            reply:add_header(name, value)
        end
    end
    reply:set_body(body)
    txn:done(reply)
end

core.register_action("keydesk", { "http-req" }, function(txn, backend, door)
    txn:set_var("txn.keydesk", "undecided")
    local sent = question(txn, door)
    if not sent then
        txn:set_var("txn.keydesk", "malformed")
        return
    end
    local received = exchange(backend, sent)
    if not received then
        return
    end
    local status, headers, body = parse(received)
    if status == 200 and keep(txn, headers) then
        txn:set_var("txn.keydesk", "ok")
    elseif status == 400 or status == 431 then
        txn:set_var("txn.keydesk", "malformed")
    elseif REFUSALS[status] then
        txn:set_var("txn.keydesk_code", headers["x-keydesk-code"] or "")
        txn:set_var("txn.keydesk_request_id", headers["x-keydesk-request-id"] or "")
        refuse(txn, status, headers, body)
    end
end, 2)
