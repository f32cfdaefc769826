import Model
import Platform

/// A component on its thread: made before the constructor returns, gone before `stop` returns.
final class ComponentThread: Sendable {
    let mailbox: Mailbox<Delivery>
    private let thread: OSThread

    /// `index` is the port's name for the component; `drained` is called on the component's thread after its `stop` and before it
    /// is let go, and must see to the requests that it still holds.
    init(
        _ description: ComponentDescription, index: Int, port: any ComponentPort, mailbox: Mailbox<Delivery>,
        drained: @escaping @Sendable () -> Void
    ) throws(BerthError) {
        let made = Handover<BerthError?>()
        let thread = OSThread("berth-\(description.name)") {
            ComponentThread.run(description, index: index, port: port, mailbox: mailbox, made: made, drained: drained)
        }
        guard let thread else { throw BerthError(.exhausted, "the system has no thread left for \(description.name)") }
        self.mailbox = mailbox
        self.thread = thread
        if let error = made.take() {
            thread.join()
            throw error
        }
    }

    /// Lets the component handle what waits, then its `stop`, and waits for the thread. Once.
    func stop() {
        mailbox.put(.stop)
        thread.join()
    }

    private static func run(
        _ description: ComponentDescription, index: Int, port: any ComponentPort, mailbox: Mailbox<Delivery>,
        made: Handover<BerthError?>, drained: @Sendable () -> Void
    ) {
        let context = LiveContext(name: description.name, index: index, port: port, mailbox: mailbox)
        let component: any Component
        do {
            component = try description.make(context)
        } catch {
            made.give(error as? BerthError ?? BerthError(.broken, "\(description.name) cannot start", cause: error))
            return
        }
        made.give(nil)
        loop(component, context, mailbox)
        component.stop()
        drained()
    }

    private static func loop(_ component: any Component, _ context: LiveContext, _ mailbox: Mailbox<Delivery>) {
        var deliveries: [Delivery] = []
        var batch: [Request] = []
        var isStopping = false
        while !isStopping {
            mailbox.wake.wait(milliseconds: context.wait)
            mailbox.wake.clear()
            mailbox.take(into: &deliveries)
            for delivery in deliveries {
                switch delivery {
                case .request(let request):
                    // What was taken back before anybody began has had no effect: that is what `cancelled` promises.
                    if request.isCancelled {
                        request.fail(BerthError(.cancelled, "\(request.verb) was cancelled before it began"))
                    } else {
                        batch.append(request)
                    }
                case .stop: isStopping = true
                default:
                    flush(&batch, to: component)
                    context.deliver(delivery)
                }
            }
            deliveries.removeAll(keepingCapacity: true)
            flush(&batch, to: component)
            context.runTimers()
        }
    }

    private static func flush(_ batch: inout [Request], to component: any Component) {
        guard !batch.isEmpty else { return }
        component.handle(batch)
        batch.removeAll(keepingCapacity: true)
    }
}
