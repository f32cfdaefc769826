import CZMQ
import Frames
import Glibc
import JSON
public import Model
import Platform

/// A component in a process of its own: the link that carries its words to a broker elsewhere and back, and says every second that
/// it lives. It comes again by itself when the broker does.
public final class BackendLink: Sendable {
    private let loop: OSThread
    private let port: MailboxPort
    private let component: ComponentThread
    private let ended = Handover<BerthError?>()

    /// Joins the broker at `endpoint`; returns when the broker has taken the component in, or throws why it has not.
    public init(_ endpoint: ClientEndpoint, token: String, component description: ComponentDescription) throws(BerthError) {
        let port = MailboxPort()
        let mailbox = Mailbox<Delivery>()
        let (made, ready) = (Handover<BerthError?>(), Handover<BerthError?>())
        let loop = OSThread("berth-link") {
            do throws(BerthError) {
                let loop = try LinkLoop(endpoint, token, description, port, mailbox)
                made.give(nil)
                loop.run(ready)
            } catch {
                made.give(error)
            }
        }
        guard let loop else { throw BerthError(.exhausted, "the system has no thread left for a link") }
        if let error = made.take() {
            loop.join()
            throw error
        }
        self.loop = loop
        self.port = port
        do throws(BerthError) {
            component = try ComponentThread(description, index: 0, port: port, mailbox: mailbox) {}
        } catch {
            port.send(.control(.stop))
            loop.join()
            throw error
        }
        port.send(.control(.open))
        if let error = ready.take() {
            component.stop()
            port.send(.control(.stop))
            loop.join()
            throw error
        }
    }

    /// Stops the component, sends its last answers and takes leave of the broker. Once.
    public func stop() {
        component.stop()
        port.send(.control(.stop))
        loop.join()
    }
}

/// The thread of a link.
private final class LinkLoop {
    private let token: String
    private let description: ComponentDescription
    private let port: MailboxPort
    private let deliveries: Mailbox<Delivery>
    private let context: ZMQContext
    private let socket: Socket
    private let header = Frame()
    private let body = Frame()
    private var held: [UInt64: Held] = [:]
    /// The component's own requests that are not answered yet.
    private var asked: Set<UInt64> = []
    /// What it says before the broker has taken it in.
    private var unsaid: [Inbound] = []
    private var prefixes: [String] = []
    private var mayRead = true
    private var isOpen = false
    private var isIn = false
    private var heard = Clock.monotonic
    private var nextBeat: Int64 = 0
    private var ready: Handover<BerthError?>?
    private let patience: Int64

    private struct Held {
        weak var request: Request?
    }

    init(
        _ endpoint: ClientEndpoint, _ token: String, _ description: ComponentDescription, _ port: MailboxPort,
        _ deliveries: Mailbox<Delivery>
    ) throws(BerthError) {
        self.token = token
        self.description = description
        self.port = port
        self.deliveries = deliveries
        patience = Clock.monotonic + 10_000
        context = try ZMQContext()
        socket = try endpoint.connect(in: context)
        socket.set(ZMQ_LINGER, Int32(1000))
        try socket.connect(endpoint.address)
    }

    func run(_ ready: Handover<BerthError?>) {
        self.ready = ready
        var words: [Inbound] = []
        while true {
            if !mayRead { wait() }
            port.mailbox.take(into: &words)
            for word in words {
                if case .control(.stop) = word {
                    send("backend.bye 0", [])
                    return
                }
                say(word)
            }
            words.removeAll(keepingCapacity: true)
            if mayRead { drain() }
            beat()
        }
    }

    private func wait() {
        withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { items in
            items[0] = pollfd(fd: port.mailbox.wake.descriptor, events: Int16(POLLIN), revents: 0)
            items[1] = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(items.baseAddress, 2, Int32(clamping: max(0, nextBeat - Clock.monotonic))) > 0 else { return }
            if items[0].revents != 0 { port.mailbox.wake.clear() }
            if items[1].revents != 0 { mayRead = true }
        }
    }

    private func send(_ line: String, _ bytes: [UInt8]) {
        header.fill(Array("BERTH/1 \(line)".utf8))
        guard socket.send(header, more: true) == 0 else { return }
        body.fill(bytes)
        _ = socket.send(body, more: false)
        mayRead = true
    }

    // MARK: - Out

    private func say(_ word: Inbound) {
        switch word {
        case .request, .publish, .notify:
            guard isIn else { return unsaid.append(word) }
        default: break
        }
        switch word {
        case .reply(let reply):
            if reply.answer.status.isFinal { held[reply.number] = nil }
            send("\(reply.answer.status) \(reply.number)", reply.answer.bytes)
        case .request(_, let ticket, let outgoing):
            var line = RequestHeader(verb: outgoing.verb, id: "\(ticket)", deadline: outgoing.deadline, key: outgoing.key)
            line.traceparent = outgoing.traceparent
            line.wantsProgress = outgoing.wantsProgress
            asked.insert(ticket)
            let text = String(decoding: line.bytes.dropFirst("BERTH/1 ".utf8.count), as: UTF8.self)
            send("\(text) owner=\(outgoing.account.owner) role=\(outgoing.account.role.rawValue)", outgoing.body)
        case .cancel(_, let ticket): send("backend.cancel \(ticket)", [])
        case .publish(let topic, let bytes, let owner):
            send("backend.publish 0", BackendNotice.bytes(Notice(topic: topic, bytes: bytes, owner: owner)))
        case .notify(let topic, let bytes): send("backend.notify 0", BackendNotice.bytes(Notice(topic: topic, bytes: bytes)))
        case .subscribe(_, let prefix):
            prefixes.append(prefix)
            if isIn { subscribe(prefix) }
        case .control(.open):
            isOpen = true
            join()
        case .control: break
        }
    }

    private func subscribe(_ prefix: String) { send("backend.subscribe 0", JSON(dictionaryLiteral: ("prefix", .string(prefix))).bytes) }

    private func join() {
        isIn = false
        // The broker that had them is gone, or gave us up: no answer will come.
        giveUp("the link to the host broke before it answered; nobody can say whether it was done")
        let wish: JSON = [
            "token": .string(token), "verbs": .array(description.verbs.map(\.json)), "queue": JSON(description.queue),
        ]
        send("backend.ready 0", wish.bytes)
    }

    private func giveUp(_ reason: String) {
        let error = Answer(BerthError(.unreachable, reason))
        for ticket in asked { deliveries.put(.answer(ticket: ticket, error)) }
        asked.removeAll()
    }

    /// The broker has been silent for long: what waits to be said is not said any more.
    private func forget() {
        for case .request(_, let ticket, _) in unsaid { asked.insert(ticket) }
        unsaid.removeAll()
        giveUp("the host does not answer; the request was not sent")
    }

    private func beat() {
        let now = Clock.monotonic
        guard now >= nextBeat, isOpen else { return }
        nextBeat = now + 1000
        if isIn { send("backend.alive 0", []) }
        if !isIn, let ready, now >= patience {
            self.ready = nil
            ready.give(BerthError(.unreachable, "no bus answers at the backend", hint: "is the host running? berth serve"))
        }
        if now - heard > Broker.silence {
            heard = now
            if !isIn { forget() }
            join()
        }
        if held.count > 1024 { held = held.filter { $0.value.request != nil } }
    }

    // MARK: - In

    private func drain() {
        while socket.receive(header) {
            guard socket.hasMore(header), socket.receive(body) else { continue }
            socket.skipRest(after: body)
            heard = Clock.monotonic
            if let scan = try? HeaderScan(header.bytes, from: .component) {
                asked(RequestHeader(scan, of: header.bytes), scan)
            } else if let line = try? ReplyHeader(parsing: header.array), let ticket = UInt64(line.id) {
                answered(line.status, ticket)
            }
        }
        mayRead = false
    }

    private func asked(_ line: RequestHeader, _ scan: HeaderScan) {
        switch line.verb {
        case "backend.alive": break
        // Several messages of ours may have met a broker that did not know us: one answer to them is enough.
        case "backend.unknown": if isIn { join() }
        case "backend.cancel": if let number = UInt64(line.id) { held[number]?.request?.cancel() }
        case "backend.notice": if let notice = BackendNotice.parse(body.array) { deliveries.put(.notice(notice)) }
        default:
            guard let number = UInt64(line.id) else { return }
            let owner = scan.owner?.string(in: header.bytes) ?? ""
            let role = scan.role.flatMap { Account.Role(rawValue: $0.string(in: header.bytes)) } ?? .client
            let request = Request(
                header: line, body: body.array, account: Account(owner: owner, role: role),
                deadline: line.deadline.map { Clock.monotonic + Int64($0) }, number: number, sink: port)
            held[number] = Held(request: request)
            deliveries.put(.request(request))
        }
    }

    private func answered(_ status: Status, _ ticket: UInt64) {
        if ticket == 0 {
            guard !isIn else { return }
            guard status == .ok else {
                let error = Answer(status: status, bytes: body.array).error
                Log.error("the bus refused this component", ["reason": error?.description ?? "\(status)"])
                ready?.give(error)
                ready = nil
                return
            }
            isIn = true
            for prefix in prefixes { subscribe(prefix) }
            let words = unsaid
            unsaid = []
            for word in words { say(word) }
            ready?.give(nil)
            ready = nil
            return
        }
        if status.isFinal { asked.remove(ticket) }
        let answer = Answer(status: status, bytes: body.array)
        deliveries.put(status == .progress ? .progress(ticket: ticket, answer.bytes) : .answer(ticket: ticket, answer))
    }
}
