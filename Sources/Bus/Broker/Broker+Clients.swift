import CZMQ
import Frames
import Glibc
import Model
import Platform

extension Broker {
    /// Takes what clients sent, at most a turn of it.
    func drainClients() {
        for _ in 0..<Broker.turn {
            guard clients.receive(identity) else {
                clientsMayRead = false
                return
            }
            receiveFromClient()
        }
    }

    private func receiveFromClient() {
        guard clients.hasMore(identity), clients.receive(header) else { return }
        var isREQ = false
        if header.count == 0, clients.hasMore(header) {
            isREQ = true
            guard clients.receive(header) else { return }
        }
        guard accounts.isKnown(identity.user, keys) else {
            // Not even an error: who is unknown learns nothing.
            counters.strangers += 1
            return clients.skipRest(after: header)
        }
        guard clients.hasMore(header) else { return refuse(isREQ, "a request has two frames, a header line and a body; this has one") }
        guard clients.receive(body) else { return }
        guard !clients.hasMore(body) else {
            clients.skipRest(after: body)
            return refuse(isREQ, "a request has two frames, a header line and a body; this has more")
        }
        let scan: HeaderScan
        do throws(HeaderError) {
            scan = try HeaderScan(header.bytes)
        } catch {
            return refuse(isREQ, error.description)
        }
        guard header.count + body.count <= Limits.message else { return refuse(isREQ, "a message has at most \(Limits.message) bytes") }
        counters.requests += 1
        if scan.verb.equals("host.ping", in: header.bytes), scan.actingFor == nil { return pong(scan, isREQ) }
        guard let account = accounts.find(identity.user, keys) else { return }
        requested(by: account, RequestHeader(scan, of: header.bytes), isREQ)
    }

    /// Answers what cannot be understood. Nothing is read from the body, and nobody else notices.
    private func refuse(_ isREQ: Bool, _ message: String) {
        counters.malformed += 1
        let id = HeaderScan.id(of: header.bytes) ?? "-"
        reply(
            to: identity.array, isREQ, ReplyHeader(status: Status(.invalid), id: id),
            Answer(BerthError(.invalid, message, hint: "see docs/protocol.md")).bytes)
    }

    /// `host.ping`: the same body back (`{}` for none), by way of the frames that came, so that it costs no allocation.
    private func pong(_ scan: HeaderScan, _ isREQ: Bool) {
        if body.count == 0 {
            body.fill("{}")
        } else if !Broker.isObject(body) {
            return refuse(isREQ, "the body of host.ping is no JSON object")
        }
        let id = scan.id.bytes(in: header.bytes)
        let start: StaticString = "BERTH/1 ok "
        let line = extra.prepare(start.utf8CodeUnitCount + id.count)
        guard let base = line.baseAddress, let source = id.baseAddress else { return }
        memcpy(base, start.utf8Start, start.utf8CodeUnitCount)
        memcpy(base + start.utf8CodeUnitCount, source, id.count)
        clientsMayRead = true
        if parkedClients > 0, let state = clientStates[identity.array], !state.parked.isEmpty {
            return park(identity.array, isREQ, extra.array, body.array)
        }
        switch clients.send(identity, more: true) {
        case 0: break
        case EAGAIN: return park(identity.array, isREQ, extra.array, body.array)
        default: return counters.gone += 1
        }
        if isREQ {
            identity.prepare(0)
            _ = clients.send(identity, more: true)
        }
        _ = clients.send(extra, more: true)
        _ = clients.send(body, more: false)
    }

    // MARK: - Replies

    func reply(to routing: [UInt8], _ isREQ: Bool, _ line: ReplyHeader, _ bytes: [UInt8]) {
        clientsMayRead = true
        let line = line.bytes
        if parkedClients > 0, let state = clientStates[routing], !state.parked.isEmpty { return park(routing, isREQ, line, bytes) }
        if !send(to: routing, isREQ, line, bytes) { park(routing, isREQ, line, bytes) }
    }

    /// False: its queue is full. A client that is gone counts as served.
    private func send(to routing: [UInt8], _ isREQ: Bool, _ line: [UInt8], _ bytes: [UInt8]) -> Bool {
        identity.fill(routing)
        switch clients.send(identity, more: true) {
        case 0: break
        case EAGAIN: return false
        default:
            counters.gone += 1
            return true
        }
        if isREQ {
            identity.prepare(0)
            _ = clients.send(identity, more: true)
        }
        extra.fill(line)
        _ = clients.send(extra, more: true)
        body.fill(bytes)
        _ = clients.send(body, more: false)
        return true
    }

    /// What clients that do not read may keep waiting here: of one, and of all.
    private static let parkedEach = 32 << 20
    private static let parkedAll = 128 << 20

    /// Keeps a reply for a client whose queue is full. One that never reads loses what is beyond measure, and the log says so.
    private func park(_ routing: [UInt8], _ isREQ: Bool, _ line: [UInt8], _ bytes: [UInt8]) {
        let state = state(of: routing)
        let size = line.count + bytes.count + 64
        guard state.parkedBytes + size <= Broker.parkedEach, parkedBytes + size <= Broker.parkedAll else {
            if counters.unread % 1000 == 0 {
                Log.warning("a client does not read its answers; they are dropped", ["dropped": "\(counters.unread + 1)"])
            }
            counters.unread += 1
            return
        }
        if state.parked.isEmpty { parkedClients += 1 }
        state.parked.append((line, bytes, isREQ))
        state.parkedBytes += size
        parkedBytes += size
    }

    /// Tries again what waits for room.
    func unpark() {
        guard parkedClients > 0 else { return }
        for (routing, state) in clientStates where !state.parked.isEmpty {
            var sent = 0
            for item in state.parked {
                guard send(to: routing, item.isREQ, item.header, item.body) else { break }
                sent += 1
                let size = item.header.count + item.body.count + 64
                state.parkedBytes -= size
                parkedBytes -= size
            }
            state.parked.removeFirst(sent)
            if state.parked.isEmpty { parkedClients -= 1 }
            release(routing, state)
            clientsMayRead = true
        }
    }

    func state(of routing: [UInt8]) -> ClientState {
        if let state = clientStates[routing] { return state }
        let state = ClientState()
        clientStates[routing] = state
        return state
    }

    func release(_ routing: [UInt8], _ state: ClientState) {
        if state.isIdle { clientStates[routing] = nil }
    }
}
