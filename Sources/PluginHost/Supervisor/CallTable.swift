/// The calls of one provider: those that wait, in order, and those in flight. Each leaves exactly once, with what its
/// asker gets; whoever takes one out answers it.
struct CallTable {
    struct Waiting {
        let id: UInt64
        let call: DriverCall
        let completion: @Sendable (CallOutcome) -> Void
    }

    struct Flight {
        let waiting: Waiting
        let sent: Int64
        /// What the worker has sent of the document so far.
        var document: [UInt8] = []
        var isCancelled = false

        var id: UInt64 { waiting.id }
        var call: DriverCall { waiting.call }
    }

    /// More than this many are refused: a provider that is that far behind has no use for another.
    static let mostWaiting = 10_000

    private var queue: [Waiting] = []
    /// Those before it are gone from the queue.
    private var head = 0
    private(set) var flights: [UInt64: Flight] = [:]
    /// No call that waits ends earlier.
    private(set) var earliestWaiting = Int64.max

    var waitingCount: Int { queue.count - head }
    var isFull: Bool { waitingCount >= CallTable.mostWaiting }

    mutating func add(_ waiting: Waiting) {
        queue.append(waiting)
        earliestWaiting = min(earliestWaiting, waiting.call.deadline)
    }

    mutating func addFirst(_ waiting: Waiting) {
        if head > 0 {
            head -= 1
            queue[head] = waiting
        } else {
            queue.insert(waiting, at: 0)
        }
        earliestWaiting = min(earliestWaiting, waiting.call.deadline)
    }

    /// The next call, now in flight.
    mutating func takeOff(at now: Int64) -> Flight? {
        guard head < queue.count else { return nil }
        let flight = Flight(waiting: queue[head], sent: now)
        head += 1
        if head == queue.count {
            queue.removeAll(keepingCapacity: queue.capacity < 64)
            head = 0
            earliestWaiting = .max
        } else if head > 512, head * 2 > queue.count {
            queue.removeFirst(head)
            head = 0
        }
        flights[flight.id] = flight
        return flight
    }

    /// A call that goes around the queue: what the host itself asks while nothing else may run.
    mutating func takeOff(_ waiting: Waiting, at now: Int64) {
        flights[waiting.id] = Flight(waiting: waiting, sent: now)
    }

    mutating func update(_ id: UInt64, _ change: (inout Flight) -> Void) {
        guard let index = flights.index(forKey: id) else { return }
        change(&flights.values[index])
    }

    /// The flight that an answer ends; nil: nobody waits for it.
    mutating func land(_ id: UInt64) -> Flight? {
        flights.removeValue(forKey: id)
    }

    mutating func landAll() -> [Flight] {
        defer { flights = [:] }
        return flights.values.sorted { $0.id < $1.id }
    }

    /// A waiting call that is taken back.
    mutating func remove(_ id: UInt64) -> Waiting? {
        guard let index = queue[head...].firstIndex(where: { $0.id == id }) else { return nil }
        return queue.remove(at: index)
    }

    mutating func removeAllWaiting() -> [Waiting] {
        defer {
            queue = []
            head = 0
            earliestWaiting = .max
        }
        return Array(queue[head...])
    }

    /// The waiting calls whose time is up.
    mutating func removeExpired(at now: Int64) -> [Waiting] {
        guard earliestWaiting <= now else { return [] }
        let expired = queue[head...].filter { $0.call.deadline <= now }
        queue = queue[head...].filter { $0.call.deadline > now }
        head = 0
        earliestWaiting = queue.map { $0.call.deadline }.min() ?? .max
        return expired
    }
}
