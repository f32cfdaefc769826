import CZMQ
import Frames
import Glibc
import JSON
import Model
import Platform

/// The thread of a client: owns the socket and its monitor.
final class ClientLoop {
    private let endpoint: ClientEndpoint
    private let mailbox: Mailbox<ClientWord>
    private let context: ZMQContext
    private let socket: Socket
    private let monitor: Socket
    private let header = Frame()
    private let body = Frame()
    private var asked: [UInt64: Asked] = [:]
    private var deadlines = DeadlineQueue<UInt64>()
    private var number: UInt64 = 0
    private var isConnected = false
    private var mayRead = true
    private var mayReadMonitor = true

    private struct Asked {
        var ask: ClientAsk
        var deadline: Int64?
        var isSent = false
        /// Until when it waits for a connection.
        var patience: Int64
    }

    init(_ endpoint: ClientEndpoint, _ mailbox: Mailbox<ClientWord>) throws(BerthError) {
        self.endpoint = endpoint
        self.mailbox = mailbox
        context = try ZMQContext()
        socket = try endpoint.connect(in: context)
        let name = "inproc://berth-client-monitor"
        guard zmq_socket_monitor(socket.pointer, name, ZMQ_EVENT_ALL) == 0 else { throw ZMQ.error("cannot watch a connection") }
        monitor = try Socket(.pair, in: context)
        try monitor.connect(name)
        try socket.connect(endpoint.address)
    }

    deinit { zmq_socket_monitor(socket.pointer, nil, 0) }

    func run() {
        var words: [ClientWord] = []
        while true {
            if !mayRead && !mayReadMonitor { wait() }
            mailbox.take(into: &words)
            for word in words {
                switch word {
                case .ask(let ask): begin(ask)
                case .cancel(let handle): cancel(handle)
                case .close: return finish()
                }
            }
            words.removeAll(keepingCapacity: true)
            if mayReadMonitor { drainMonitor() }
            if mayRead { drain() }
            expire()
        }
    }

    private func wait() {
        let milliseconds = deadlines.next.map { Int32(clamping: max(0, $0 - Clock.monotonic)) } ?? -1
        withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 3) { items in
            items[0] = pollfd(fd: mailbox.wake.descriptor, events: Int16(POLLIN), revents: 0)
            items[1] = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
            items[2] = pollfd(fd: monitor.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(items.baseAddress, 3, milliseconds) > 0 else { return }
            if items[0].revents != 0 { mailbox.wake.clear() }
            if items[1].revents != 0 { mayRead = true }
            if items[2].revents != 0 { mayReadMonitor = true }
        }
    }

    private func begin(_ ask: ClientAsk) {
        number += 1
        let now = Clock.monotonic
        let deadline = ask.options.deadline.map { now + Int64($0) }
        // The host answers `deadline` itself; ours is for a host that does not answer any more.
        if let deadline { deadlines.insert(deadline + 250, number) }
        asked[number] = Asked(ask: ask, deadline: deadline, patience: now + endpoint.patience)
        if !isConnected, endpoint.patience > 0 { deadlines.insert(now + endpoint.patience, number) }
        if isConnected { send(number) }
    }

    private func send(_ number: UInt64) {
        guard let item = asked[number], !item.isSent else { return }
        var line = RequestHeader(
            verb: item.ask.verb, id: "\(number)", deadline: item.deadline.map { Int(max(1, $0 - Clock.monotonic)) },
            key: item.ask.options.key,
            actingFor: item.ask.options.actingFor)
        line.traceparent = item.ask.options.traceparent
        line.wantsProgress = item.ask.options.progress != nil
        header.fill(line.bytes)
        guard socket.send(header, more: true) == 0 else { return }
        body.fill(item.ask.body)
        _ = socket.send(body, more: false)
        asked[number]?.isSent = true
        mayRead = true
    }

    private func end(_ number: UInt64, _ answer: Answer) {
        asked.removeValue(forKey: number)?.ask.completion(answer)
    }

    private func drain() {
        while socket.receive(header) {
            guard socket.hasMore(header), socket.receive(body) else { continue }
            socket.skipRest(after: body)
            guard let line = try? ReplyHeader(parsing: header.array), let number = UInt64(line.id) else { continue }
            if line.status == .progress {
                if let progress = asked[number]?.ask.options.progress, let json = try? JSON(parsing: body.bytes) { progress(json) }
            } else {
                end(number, Answer(status: line.status, bytes: body.array))
            }
        }
        mayRead = false
    }

    // MARK: - Connection

    private func drainMonitor() {
        while monitor.receive(header) {
            let event = header.count >= 2 ? Int32(header.bytes.loadUnaligned(as: UInt16.self)) : 0
            monitor.skipRest(after: header)
            switch event {
            case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
                isConnected = true
                for number in asked.keys.sorted() { send(number) }
            case ZMQ_EVENT_DISCONNECTED: if isConnected { disconnected() }
            case ZMQ_EVENT_CONNECT_RETRIED: if !isConnected && endpoint.patience == 0 { giveUp("nobody listens at \(endpoint.address)") }
            default: break
            }
        }
        mayReadMonitor = false
    }

    private func disconnected() {
        isConnected = false
        for (number, item) in asked where item.isSent {
            if item.ask.options.key == nil {
                end(number, unreachable("the connection to the host broke before it answered; nobody can say whether it was done"))
            } else {
                asked[number]?.isSent = false
                asked[number]?.patience = Clock.monotonic + max(endpoint.patience, 5000)
                deadlines.insert(Clock.monotonic + max(endpoint.patience, 5000), number)
            }
        }
    }

    private func giveUp(_ reason: String) {
        for (number, item) in asked where !item.isSent && item.patience <= Clock.monotonic { end(number, unreachable(reason)) }
    }

    private func unreachable(_ reason: String) -> Answer {
        Answer(BerthError(.unreachable, reason, hint: "is the host running? berth serve"))
    }

    private func expire() {
        let now = Clock.monotonic
        while let number = deadlines.take(until: now) {
            guard let item = asked[number] else { continue }
            if let deadline = item.deadline, now >= deadline + 250 {
                end(number, Answer(BerthError(.deadline, "\(item.ask.verb) was not answered in time")))
            } else if !isConnected, now >= item.patience {
                end(number, unreachable("\(endpoint.address) does not answer"))
            }
        }
        deadlines.sweep { asked[$0] != nil }
    }

    private func cancel(_ handle: BusClient.Handle) {
        guard let (number, item) = asked.first(where: { $0.value.ask.handle === handle }) else { return }
        guard item.isSent else { return end(number, Answer(BerthError(.cancelled, "taken back before it was sent"))) }
        self.number += 1
        header.fill(Array("BERTH/1 host.cancel \(self.number)".utf8))
        guard socket.send(header, more: true) == 0 else { return }
        body.fill(JSON(dictionaryLiteral: ("id", .string("\(number)"))).bytes)
        _ = socket.send(body, more: false)
        mayRead = true
    }

    private func finish() {
        for number in Array(asked.keys) { end(number, Answer(BerthError(.cancelled, "the client was closed"))) }
    }
}
