import CZMQ
import Frames
import Glibc
import JSON
import Model
import Platform

/// Events: to subscribers by XPUB, and to components.
///
/// XPUB matches prefixes of topics and knows nothing of accounts. So what has an owner goes out under two topics: `lease.ID.STATE`,
/// which only operators may subscribe, and `@OWNER/lease.ID.STATE`, which that owner may. `ZMQ_XPUB_MANUAL` lets us decide on each
/// subscription by the account that ZAP gave the connection.
extension Broker {
    func openEvents() throws(BerthError) {
        if let directory = settings.runDirectory {
            let socket = try makePublisher()
            let path = "\(directory)/events"
            try socket.bind("ipc://\(path)")
            chmod(path, 0o660)
            bound[.events, default: []].append("ipc://\(path)")
            publishers.local = Publishers.Publisher(socket)
        }
        guard !settings.events.isEmpty else { return }
        let socket = try makePublisher()
        let names = try bindTCP(socket, settings.events)
        bound[.events, default: []] += names
        publishers.opened(Publishers.Publisher(socket))
    }

    private func makePublisher() throws(BerthError) -> Socket {
        let socket = try Socket(.xpub, in: context)
        Broker.harden(socket, .events)
        socket.set(ZMQ_SNDHWM, Int32(20_000))
        socket.set(ZMQ_XPUB_MANUAL, Int32(1))
        return socket
    }

    /// After `closeRemote`: the port may stay taken for a moment, then the next tick tries again.
    func reopenEvents() {
        guard let socket = try? makePublisher() else { return }
        let endpoints = (bound[.events] ?? []).filter { $0.hasPrefix("tcp://") }
        guard (try? bindTCP(socket, endpoints)) != nil else { return }
        publishers.opened(Publishers.Publisher(socket))
    }

    /// Takes subscriptions. What an account may not see is not subscribed; there is no way to say so, and no need.
    func drainEvents() {
        for publisher in publishers.all where publisher.mayRead {
            var count = 0
            while count < Broker.turn, publisher.socket.receive(header) {
                count += 1
                publisher.socket.skipRest(after: header)
                subscription(publisher.socket)
            }
            if count < Broker.turn { publisher.mayRead = false }
        }
    }

    private func subscription(_ socket: borrowing Socket) {
        guard let first = header.bytes.first, first <= 1, header.count <= 257 else { return }
        let prefix = String(decoding: header.bytes.dropFirst(), as: UTF8.self)
        guard let account = accounts.find(header.user, keys) else {
            // The connection is gone: what it had is cleared by the library.
            return
        }
        for allowed in Broker.allowed(prefix, account) {
            socket.set(first == 1 ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, allowed)
        }
    }

    /// Topics that have no owner and are for everyone.
    static let common = ["provider.", "member."]

    /// What of a subscription an account gets: all for operators; for others their own topics and the common ones.
    static func allowed(_ prefix: String, _ account: Account) -> [String] {
        if account.seesAll { return [prefix] }
        // Other hosts are told what they need by the Federation.
        if account.role == .member { return [] }
        let own = "@\(account.owner)/"
        if prefix.hasPrefix(own) || common.contains(where: { prefix.hasPrefix($0) }) { return [prefix] }
        // A wider prefix, the empty one above all, is narrowed to what is theirs; the client's own filter lets that through.
        return ([own] + common).filter { $0.hasPrefix(prefix) }
    }

    // MARK: - Out

    func publish(_ topic: String, _ bytes: [UInt8], owner: String?) {
        counters.published += 1
        for publisher in publishers.all {
            send(publisher, topic, bytes)
            if let owner { send(publisher, "@\(owner)/\(topic)", bytes) }
        }
        notify(Notice(topic: topic, bytes: bytes, owner: owner))
    }

    /// Never waits: a subscriber whose queue is full misses it.
    private func send(_ publisher: Publishers.Publisher, _ topic: String, _ bytes: [UInt8]) {
        publisher.mayRead = true
        header.fill(Array(topic.utf8))
        guard publisher.socket.send(header, more: true) == 0 else { return }
        body.fill(bytes)
        _ = publisher.socket.send(body, more: false)
    }

    func notify(_ notice: Notice) {
        for instance in instances where instance.prefixes.contains(where: { notice.topic.hasPrefix($0) }) {
            deliver(.notice(notice), to: instance)
        }
        for (routing, instance) in remotes where instance.prefixes.contains(where: { notice.topic.hasPrefix($0) }) {
            sendBackend(routing, Array("BERTH/1 backend.notice 0".utf8), BackendNotice.bytes(notice))
        }
    }
}
