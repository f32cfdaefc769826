import Frames
import JSON
import Model
import Platform

/// The context of a component that runs on a thread. Belongs to that thread.
final class LiveContext: ComponentContext {
    let name: String
    private let index: Int
    private let port: any ComponentPort
    private let mailbox: Mailbox<Delivery>
    private var number: UInt64 = 0
    private var asked: [UInt64: (completion: (Answer) -> Void, progress: ((JSON) -> Void)?)] = [:]
    private var handlers: [(prefix: String, handler: (Notice) -> Void)] = []
    private var timers: [UInt64: () -> Void] = [:]
    private var due = DeadlineQueue<UInt64>()
    private var homes: [UInt64: (any Sendable) -> Void] = [:]

    init(name: String, index: Int, port: any ComponentPort, mailbox: Mailbox<Delivery>) {
        self.name = name
        self.index = index
        self.port = port
        self.mailbox = mailbox
    }

    private func next() -> UInt64 {
        number += 1
        return number
    }

    func request(
        _ verb: String, _ body: [UInt8], _ options: RequestOptions, completion: @escaping (Answer) -> Void
    ) -> RequestTicket {
        let ticket = next()
        asked[ticket] = (completion, options.progress)
        let outgoing = Outgoing(
            verb: verb, body: body, deadline: options.deadline, key: options.key, traceparent: options.traceparent,
            account: options.account ?? Account(owner: "component:\(name)", role: .component), wantsProgress: options.progress != nil)
        port.send(.request(component: index, ticket: ticket, outgoing))
        return RequestTicket(number: ticket)
    }

    func cancel(_ ticket: RequestTicket) {
        guard asked[ticket.number] != nil else { return }
        port.send(.cancel(component: index, ticket: ticket.number))
    }

    func publish(_ topic: String, _ body: [UInt8], owner: String?) { port.send(.publish(topic: topic, body, owner: owner)) }

    func notify(_ topic: String, _ body: [UInt8]) { port.send(.notify(topic: topic, body)) }

    func subscribe(_ prefix: String, handler: @escaping (Notice) -> Void) {
        handlers.append((prefix, handler))
        port.send(.subscribe(component: index, prefix: prefix))
    }

    func after(_ milliseconds: Int64, _ work: @escaping () -> Void) -> TimerTicket {
        let ticket = next()
        timers[ticket] = work
        due.insert(Clock.monotonic + max(0, milliseconds), ticket)
        due.sweep { timers[$0] != nil }
        return TimerTicket(number: ticket)
    }

    func cancel(_ timer: TimerTicket) { timers[timer.number] = nil }

    func hop<Value: Sendable>(_ work: @escaping (Value) -> Void) -> @Sendable (Value) -> Void {
        let home = Home(number: next(), mailbox: mailbox)
        homes[home.number] = { value in
            if let value = value as? Value { work(value) }
        }
        return { home.bring($0) }
    }

    /// Lives as long as the function that `hop` made, so that what it would run is let go with it.
    private final class Home: Sendable {
        let number: UInt64
        private let mailbox: Mailbox<Delivery>

        init(number: UInt64, mailbox: Mailbox<Delivery>) {
            self.number = number
            self.mailbox = mailbox
        }

        func bring(_ value: any Sendable) { mailbox.put(.hop(number, value)) }

        deinit { mailbox.put(.unhop(number)) }
    }

    // MARK: - For the component's loop

    /// Milliseconds until the next timer; -1 where there is none.
    var wait: Int32 {
        guard let next = due.next else { return -1 }
        return Int32(clamping: max(0, next - Clock.monotonic))
    }

    func runTimers() {
        let now = Clock.monotonic
        while let ticket = due.take(until: now) { timers.removeValue(forKey: ticket)?() }
    }

    /// Whatever is no request.
    func deliver(_ delivery: Delivery) {
        switch delivery {
        case .answer(let ticket, let answer): asked.removeValue(forKey: ticket)?.completion(answer)
        case .progress(let ticket, let bytes):
            if let body = try? JSON(parsing: bytes) { asked[ticket]?.progress?(body) }
        case .notice(let notice):
            for entry in handlers where notice.topic.hasPrefix(entry.prefix) { entry.handler(notice) }
        case .hop(let number, let value): homes[number]?(value)
        case .unhop(let number): homes[number] = nil
        case .request, .stop: break
        }
    }
}
