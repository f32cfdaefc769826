import CZMQ
import Frames
import Glibc
import JSON
import Model
import Platform

/// The loop that owns all sockets. Lives and dies on one thread; others reach it through its mailbox alone.
final class Broker {
    let context: ZMQContext
    let clients: Socket
    var publishers: Publishers
    /// What each door is bound to.
    var bound: [Door: [String]] = [:]
    let backend: Socket
    let zap: Socket
    let identity = Frame()
    let header = Frame()
    let body = Frame()
    let extra = Frame()

    let settings: BusSettings
    let mailbox: Mailbox<Inbound>
    let sink: any ReplySink
    var keys: KeyRing
    var accounts: Accounts

    var verbs: [String: VerbEntry] = [:]
    var instances: [Instance] = []
    /// Instances with something in their outbox.
    var fed: [Instance] = []
    var remotes: [[UInt8]: Instance] = [:]
    /// Names on the backend that nothing could be sent to.
    var lostRouting: Set<[UInt8]> = []
    var flights: [UInt64: Flight] = [:]
    var clientStates: [[UInt8]: ClientState] = [:]
    var deadlines = DeadlineQueue<Due>()
    var joinable = KeyTable()
    var counters = Counters()
    var parkedClients = 0
    var parkedBytes = 0
    let started = Clock.monotonic
    let startedReal = Clock.real

    /// Starts where no earlier run of the host was, so that a late answer to one of those meets nothing.
    private var number = UInt64(Clock.real) << 20
    /// What a socket may have for us: its descriptor tells of changes only.
    var clientsMayRead = true
    var backendMayRead = true
    var zapMayRead = true
    var isOpen = false
    var isDraining = false
    private var isStopping = false
    private var nextBeat: Int64 = 0

    /// A deadline: of one waiter of a flight.
    struct Due {
        var flight: UInt64
        var waiter: UInt64
    }

    /// How many messages of one socket are handled before the others get their turn.
    static let turn = 256

    init(
        settings: BusSettings, components: [(ComponentDescription, Mailbox<Delivery>)], mailbox: Mailbox<Inbound>, sink: any ReplySink
    ) throws(BerthError) {
        self.settings = settings
        self.mailbox = mailbox
        self.sink = sink
        keys = KeyRing(directory: settings.keysDirectory)
        accounts = Accounts()
        context = try ZMQContext()
        zap = try Socket(.reply, in: context)
        clients = try Socket(.router, in: context)
        publishers = Publishers()
        backend = try Socket(.router, in: context)
        for (description, deliveries) in components { register(description, deliveries) }
        try listen()
    }

    func next() -> UInt64 {
        number += 1
        return number
    }

    private func register(_ description: ComponentDescription, _ deliveries: Mailbox<Delivery>) {
        let instance = Instance(name: description.name, limit: description.queue, link: .local(deliveries))
        instances.append(instance)
        for verb in description.verbs {
            let entry = verbs[verb.name] ?? VerbEntry(verb)
            entry.instances.append(instance)
            instance.verbs.append(verb.name)
            verbs[verb.name] = entry
        }
    }

    // MARK: - The loop

    func run() {
        var inbound: [Inbound] = []
        while !isStopping {
            if !readsAtOnce { wait() }
            mailbox.take(into: &inbound)
            for item in inbound { handle(item) }
            inbound.removeAll(keepingCapacity: true)
            if zapMayRead { drainZAP() }
            if clientsMayRead && isOpen { drainClients() }
            if backendMayRead && isOpen { drainBackend() }
            if publishers.mayRead { drainEvents() }
            feed()
            tick()
        }
        finish()
    }

    private var readsAtOnce: Bool {
        ((clientsMayRead || backendMayRead) && isOpen) || publishers.mayRead || zapMayRead
    }

    /// Waits for a socket, the mailbox, the keys' directory or the next deadline (`poll(2)` on the descriptors of `ZMQ_FD`).
    private func wait() {
        let now = Clock.monotonic
        var until = nextBeat
        if let next = deadlines.next { until = min(until, next) }
        let isWaiting = deadlines.next != nil || !remotes.isEmpty || parkedClients > 0 || publishers.isClosed
        let milliseconds = isWaiting ? Int32(clamping: max(0, until - now)) : -1
        let read = Int16(POLLIN)
        withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 7) { items in
            items[0] = pollfd(fd: mailbox.wake.descriptor, events: read, revents: 0)
            items[1] = pollfd(fd: clients.descriptor, events: read, revents: 0)
            items[2] = pollfd(fd: backend.descriptor, events: read, revents: 0)
            items[3] = pollfd(fd: publishers.local?.socket.descriptor ?? -1, events: read, revents: 0)
            items[4] = pollfd(fd: zap.descriptor, events: read, revents: 0)
            items[5] = pollfd(fd: keys.descriptor, events: read, revents: 0)
            items[6] = pollfd(fd: publishers.remote?.socket.descriptor ?? -1, events: read, revents: 0)
            guard poll(items.baseAddress, 7, milliseconds) > 0 else { return }
            if items[0].revents != 0 { mailbox.wake.clear() }
            if items[1].revents != 0 { clientsMayRead = true }
            if items[2].revents != 0 { backendMayRead = true }
            if items[3].revents != 0 { publishers.local?.mayRead = true }
            if items[6].revents != 0 { publishers.remote?.mayRead = true }
            if items[4].revents != 0 { zapMayRead = true }
            if items[5].revents != 0 { reloadKeys() }
        }
    }

    private func handle(_ item: Inbound) {
        switch item {
        case .reply(let reply): answered(reply)
        case .request(let component, let ticket, let outgoing): requested(by: instances[component], ticket, outgoing)
        case .cancel(let component, let ticket): cancel(instances[component], ticket)
        case .publish(let topic, let bytes, let owner): publish(topic, bytes, owner: owner)
        case .notify(let topic, let bytes): notify(Notice(topic: topic, bytes: bytes))
        case .subscribe(let component, let prefix): instances[component].prefixes.insert(prefix)
        case .control(let control): obey(control)
        }
    }

    private func obey(_ control: Control) {
        switch control {
        case .open: isOpen = true
        case .drain: isDraining = true
        case .drained(let component, let handover):
            abandon(instances[component], BerthError(.retry, "the host is stopping", hint: "ask again when it runs"))
            handover.give(())
        case .reload: reloadKeys()
        case .stop: isStopping = true
        }
    }

    /// Hands out what was collected for components.
    private func feed() {
        for instance in fed {
            if case .local(let deliveries) = instance.link { deliveries.put(contentsOf: &instance.outbox) }
        }
        fed.removeAll(keepingCapacity: true)
    }

    func deliver(_ delivery: Delivery, to instance: Instance) {
        if instance.outbox.isEmpty { fed.append(instance) }
        instance.outbox.append(delivery)
    }

    /// Deadlines, heartbeats, and replies that wait for room.
    private func tick() {
        guard deadlines.next != nil || !remotes.isEmpty || !clientStates.isEmpty || publishers.isClosed else { return }
        let now = Clock.monotonic
        while let due = deadlines.take(until: now) { expire(due) }
        deadlines.sweep { flights[$0.flight]?.waiters.contains { [waiter = $0.waiter] in $0.number == waiter } ?? false }
        guard now >= nextBeat else { return }
        nextBeat = now + 250
        beat(now)
        unpark()
        if publishers.isClosed { reopenEvents() }
    }

    /// The last words: replies still on their way get half a second to leave.
    private func finish() {
        unpark()
        clients.set(ZMQ_LINGER, Int32(500))
        backend.set(ZMQ_LINGER, Int32(500))
    }
}
