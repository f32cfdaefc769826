public import JSON
public import Model
import Platform

/// The bus of a host: its sockets, its loop, and the components of this process.
///
/// Ready when the constructor returns, with all components made; gone, with all components stopped and every request answered, when
/// `stop` returns.
public final class Bus: Sendable {
    private let loop: BrokerLoop
    private let components: [ComponentThread]

    /// Starts the loop, then the components in the order given.
    public init(_ settings: BusSettings, components descriptions: [ComponentDescription]) throws(BerthError) {
        let mailboxes = descriptions.map { ($0, Mailbox<Delivery>()) }
        let loop = try BrokerLoop(settings, mailboxes)
        var threads: [ComponentThread] = []
        for (index, (description, mailbox)) in mailboxes.enumerated() {
            do throws(BerthError) {
                threads.append(
                    try ComponentThread(description, index: index, port: loop.port, mailbox: mailbox) { loop.drained(index) })
            } catch {
                for thread in threads.reversed() { thread.stop() }
                loop.stop()
                throw error
            }
        }
        self.loop = loop
        components = threads
        loop.control(.open)
    }

    /// Reads keys again. (Changes in their directory are noticed without it.)
    public func reload() { loop.control(.reload) }

    /// Tells the components that subscribed to the topic.
    public func notify(_ topic: String, _ body: JSON) { loop.port.send(.notify(topic: topic, body.bytes)) }

    /// Takes no more requests, stops the components in the reverse order of their start, answers `retry` to what they left, sends
    /// what is to be sent, and ends. Once.
    public func stop() {
        loop.control(.drain)
        for component in components.reversed() { component.stop() }
        loop.stop()
    }
}

/// The broker's thread.
final class BrokerLoop: Sendable {
    let port: MailboxPort
    private let thread: OSThread

    init(_ settings: BusSettings, _ components: [(ComponentDescription, Mailbox<Delivery>)]) throws(BerthError) {
        let port = MailboxPort()
        let ready = Handover<BerthError?>()
        let thread = OSThread("berth-bus") {
            do throws(BerthError) {
                let broker = try Broker(settings: settings, components: components, mailbox: port.mailbox, sink: port)
                ready.give(nil)
                broker.run()
            } catch {
                ready.give(error)
            }
        }
        guard let thread else { throw BerthError(.exhausted, "the system has no thread left for the bus") }
        self.port = port
        self.thread = thread
        if let error = ready.take() {
            thread.join()
            throw error
        }
    }

    func control(_ control: Control) { port.send(.control(control)) }

    func drained(_ component: Int) {
        let handover = Handover<Void>()
        control(.drained(component: component, handover))
        handover.take()
    }

    func stop() {
        control(.stop)
        thread.join()
    }
}

/// How threads of this process reach the broker.
final class MailboxPort: ComponentPort {
    let mailbox = Mailbox<Inbound>()

    func send(_ inbound: Inbound) { mailbox.put(inbound) }

    func reply(_ reply: Reply) { mailbox.put(.reply(reply)) }
}
