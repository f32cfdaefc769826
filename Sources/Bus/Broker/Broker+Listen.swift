import CZMQ
import Frames
import Glibc
import Model
import Platform

/// Who may come in: endpoints, ZAP and the keys behind them.
extension Broker {
    /// What each socket is for; its ZAP domain is the raw value.
    enum Door: String {
        case clients, events, backend
    }

    func listen() throws(BerthError) {
        zap.set(ZMQ_SNDHWM, Int32(0))
        zap.set(ZMQ_RCVHWM, Int32(0))
        try zap.bind("inproc://zeromq.zap.01")
        for socket in [clients.pointer, backend.pointer] { Broker.mustRoute(socket) }
        clients.set(ZMQ_SNDHWM, Int32(2000))
        backend.set(ZMQ_SNDHWM, Int32(0))
        backend.set(ZMQ_RCVHWM, Int32(0))
        try open(clients, .clients, file: "bus", also: settings.clients)
        try openEvents()
        try open(backend, .backend, file: "backend", also: settings.backend)
    }

    /// `ZMQ_ROUTER_MANDATORY`: a reply to nobody is an error that we see. A name taken by a second client stays with the first.
    private static func mustRoute(_ socket: UnsafeMutableRawPointer) {
        var one: Int32 = 1
        zmq_setsockopt(socket, ZMQ_ROUTER_MANDATORY, &one, MemoryLayout<Int32>.size)
    }

    static func harden(_ socket: borrowing Socket, _ door: Door) {
        socket.set(ZMQ_MAXMSGSIZE, Int64(Limits.message))
        socket.set(ZMQ_ZAP_DOMAIN, door.rawValue)
        socket.set(ZMQ_HANDSHAKE_IVL, Int32(10_000))
    }

    /// Binds `ipc` first, without a mechanism, and then TCP with CURVE: the options of a socket hold for the endpoints bound later.
    private func open(_ socket: borrowing Socket, _ door: Door, file: String, also endpoints: [String]) throws(BerthError) {
        Broker.harden(socket, door)
        if let directory = settings.runDirectory {
            let path = "\(directory)/\(file)"
            try socket.bind("ipc://\(path)")
            chmod(path, door == .backend ? 0o600 : 0o660)
            bound[door, default: []].append("ipc://\(path)")
        }
        guard !endpoints.isEmpty else { return }
        bound[door, default: []] += try bindTCP(socket, endpoints)
    }

    /// Binds to TCP with CURVE, or refuses.
    func bindTCP(_ socket: borrowing Socket, _ endpoints: [String]) throws(BerthError) -> [String] {
        guard let pair = keys.directory?.hostKeys() else {
            throw BerthError(
                .invalid, "refusing to listen at \(endpoints[0]) without CURVE: anybody who reaches the port would be heard",
                hint: "make a key for each client first: berth keys new NAME")
        }
        socket.set(ZMQ_CURVE_SERVER, Int32(1))
        socket.set(ZMQ_CURVE_SECRETKEY, pair.secretKey)
        socket.set(ZMQ_HEARTBEAT_IVL, Int32(15_000))
        socket.set(ZMQ_HEARTBEAT_TIMEOUT, Int32(30_000))
        var names: [String] = []
        for endpoint in endpoints {
            guard endpoint.hasPrefix("tcp://") else {
                throw BerthError(.invalid, "'\(endpoint)' is no endpoint to listen at", hint: "write tcp://ADDRESS:PORT")
            }
            socket.set(ZMQ_IPV6, Int32(endpoint.contains("[") ? 1 : 0))
            try socket.bind(endpoint)
            names.append(socket.lastEndpoint())
        }
        return names
    }

    var endpoints: [(name: String, endpoints: [String])] {
        [Door.clients, .events, .backend].map { ($0 == .clients ? "bus" : $0.rawValue, bound[$0] ?? []) }
    }

    // MARK: - ZAP

    /// Answers libzmq's questions about new connections (RFC 27). `200` names the account; `300` lets the connection end without
    /// a word to the peer.
    func drainZAP() {
        while zap.receive(header) {
            var frames = [header.array]
            while zap.hasMore(header), zap.receive(header) { frames.append(header.array) }
            zapMayRead = true
            let user = frames.count >= 6 && frames[0] == Array("1.0".utf8) ? admit(frames) : nil
            if user == nil { counters.rejected += 1 }
            let reply = [
                Array("1.0".utf8), frames.count > 1 ? frames[1] : [], Array((user == nil ? "300" : "200").utf8), [],
                Array((user ?? "").utf8), [],
            ]
            for (index, frame) in reply.enumerated() {
                header.fill(frame)
                _ = zap.send(header, more: index < reply.count - 1)
            }
        }
        zapMayRead = false
    }

    /// The account of a new connection: `uid:1000` by the peer's credentials (`SO_PEERCRED`, which libzmq puts into the address of an
    /// `ipc` peer as `:UID:GID:PID`), or `key:SLOT`.
    private func admit(_ frames: [[UInt8]]) -> String? {
        let door = Door(rawValue: String(decoding: frames[2], as: UTF8.self))
        let address = String(decoding: frames[3], as: UTF8.self)
        switch String(decoding: frames[5], as: UTF8.self) {
        case "NULL":
            let parts = address.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 4, let uid = UInt32(parts[1]) else { return nil }
            guard door != .backend || uid == 0 || uid == geteuid() else { return nil }
            return "uid:\(uid)"
        case "CURVE":
            guard frames.count >= 7, let key = frames[6].withUnsafeBytes(CurveKeys.encode), let slot = keys.slot(of: key) else {
                let shown = frames.count >= 7 ? frames[6].withUnsafeBytes(CurveKeys.encode) : nil
                Log.warning(
                    "a connection with an unknown key was refused", ["from": address, "door": door?.rawValue ?? "", "key": shown ?? ""])
                return nil
            }
            let role = keys.account(slot: slot)?.role
            guard door != .backend || role == .operator || role == .component else { return nil }
            return "key:\(slot)"
        default: return nil
        }
    }

    /// The keys changed. What was revoked is nobody from the next message on; subscribers have no messages, so all of them
    /// have to come again and show their keys.
    func reloadKeys() {
        guard keys.reload() else { return }
        Log.info("keys were revoked or changed")
        publishers.closeRemote()
        for (routing, instance) in remotes where instance.user.map({ accounts.find($0, keys) == nil }) ?? false {
            drop(routing, instance, "its key was revoked")
        }
    }
}
