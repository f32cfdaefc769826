import Model
import Planner

/// The scheduler of the published experiment (Haizea as of 2008), decision by decision: what our policies are compared with.
///
/// It is not the planner with other settings, because some of what it does is no policy that anybody should want, yet shapes its
/// figures (docs/scheduling.md lists all of it). Nodes are whole: a machine fills one. Times are whole seconds.
/// It plays the same workloads as `Simulation` and answers with the same records.
public struct PublishedScheduler {
    /// A stretch of time on some nodes.
    struct Booking {
        enum Kind { case run, suspend, resume }
        enum State { case ahead, active, over }

        var lease: Int
        var kind: Kind
        var start: Int
        var end: Int
        /// When the job is really over, if nobody stops it.
        var realEnd: Int
        var nodes: [Int32]
        /// It is suspended at its end.
        var yields = false
        /// It was promised to a lease that could not start at once.
        var promised = false
        var state = State.ahead

        var isEmpty: Bool { end <= start }
    }

    struct Lease {
        enum State { case pending, booked, active, asleep, over }

        var state = State.pending
        var submit: Int
        /// Seconds that it may run, and will run, from here on.
        var asked: Int
        var real: Int
        var machines: Int
        /// Reservations only.
        var start = 0
        var isReservation = false
        /// Its bookings: resume, run, suspend.
        var chain: [Int] = []
        /// Where it ran last.
        var nodes: [Int32] = []
    }

    struct Slot {
        var start: Int
        var end: Int
        var booking: Int32
        /// A run of best effort: it would make room.
        var soft: Bool
        /// Runs, and is not about to sleep or to wake.
        var runs: Bool
    }

    /// Later than everything.
    static let never = Int.max / 4

    let model: SimulationModel
    /// How many promises there may be at a time.
    let promises: Int
    let suspends: Bool
    /// Seconds to suspend, to resume, and to bring what was suspended to other nodes before.
    let suspendTime: Int
    let moveTime: Int
    /// What a turn must last at least, the first one and later ones.
    let firstTurn: Int
    let laterTurn: Int

    var now = 0
    var leases: [Lease] = []
    var records: [LeaseRecord]
    var bookings: [Booking] = []
    var spare: [Int] = []
    var slots: [[Slot]]
    var queue: [Int] = []
    /// Leases that have bookings, in the order of their numbers.
    var booked: [Int] = []
    var given = 0
    var times = EndHeap()
    /// From now on each node is free until then; -1: it is not.
    var window: [Int] = []
    var windowIsStale = true
    var busy = 0.0
    var overfull = 0

    /// - Parameter promises: one is aggressive backfilling, none is none, `Int.max` is conservative.
    public init(_ workload: Workload, model: SimulationModel, promises: Int) {
        self.model = model
        self.promises = promises
        suspends = model.suspend != nil
        let memory = model.node.memoryMiB
        suspendTime = model.suspend.map { Int((Double($0.milliseconds(machines: 1, memoryMiB: memory)) / 1000).rounded()) } ?? 0
        moveTime = model.suspend.map { Int((Double($0.moveMilliseconds(machines: 1, memoryMiB: memory)) / 1000).rounded()) } ?? 0
        firstTurn = 2 * (Int(model.bootMilliseconds / 1000) + suspendTime)
        laterTurn = 2 * (moveTime + 2 * suspendTime)
        slots = Array(repeating: [], count: model.nodes)
        // Best effort has the lower numbers, as where it is read first.
        let jobs = workload.jobs.filter { $0.start == nil } + workload.jobs.filter { $0.start != nil }
        records = jobs.map { LeaseRecord(job: $0) }
        leases = jobs.map { job in
            let grows = job.start == nil || model.overheadOfReservations
            func seconds(_ time: Int64) -> Int { Int((Double(grows ? model.inflated(time) : time) / 1000).rounded()) }
            return Lease(
                submit: Int(job.submit / 1000), asked: seconds(job.requested), real: min(seconds(job.real), seconds(job.requested)),
                machines: job.machines, start: Int((job.start ?? 0) / 1000), isReservation: job.start != nil)
        }
    }

    public consuming func run() -> SimulationResult {
        let arrivals = leases.indices.sorted { (leases[$0].submit, $0) < (leases[$1].submit, $1) }
        for lease in arrivals where leases[lease].machines <= model.nodes { wake(leases[lease].submit) }
        var next = 0
        var last = -1
        while let item = times.first {
            times.removeFirst()
            guard Int(item.time) > last else { continue }
            now = Int(item.time)
            last = now
            windowIsStale = true
            var reservations: [Int] = []
            while next < arrivals.count, leases[arrivals[next]].submit <= now {
                let lease = arrivals[next]
                next += 1
                if leases[lease].isReservation {
                    reservations.append(lease)
                } else if leases[lease].machines <= model.nodes {
                    records[lease].accepted = true
                    queue.append(lease)
                }
            }
            step()
            for lease in reservations { reserve(lease) }
            serve()
            step()
        }
        return SimulationResult(records: records, model: model, busy: busy, violations: overfull)
    }

    mutating func wake(_ time: Int) { times.add(EndHeap.Item(time: Int64(time), number: 0, turn: 0)) }

    /// In the order of submission; who cannot start and gets no promise stays.
    private mutating func serve() {
        var rest: [Int] = []
        var position = 0
        while position < queue.count {
            if given >= promises, isFull { break }
            let lease = queue[position]
            position += 1
            if book(lease) {
                booked.insert(lease, at: place(lease))
            } else {
                rest.append(lease)
                if promises == 0 { break }
            }
        }
        queue = rest + queue[position...]
    }

    private func place(_ lease: Int) -> Int {
        var (low, high) = (0, booked.count)
        while low < high {
            let middle = (low + high) / 2
            if booked[middle] < lease { low = middle + 1 } else { high = middle }
        }
        return low
    }

    mutating func unbook(_ lease: Int) {
        let position = place(lease)
        if position < booked.count, booked[position] == lease { booked.remove(at: position) }
    }

    mutating func register(_ lease: Int) { booked.insert(lease, at: place(lease)) }

    /// Back into the queue, in the order of submission.
    mutating func enqueue(_ lease: Int) {
        let position = queue.firstIndex { $0 > lease } ?? queue.count
        queue.insert(lease, at: position)
    }
}
