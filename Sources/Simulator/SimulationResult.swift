public import JSON
import Model

/// What became of one lease.
public struct LeaseRecord: Sendable {
    public var job: Workload.Job
    public var accepted = false
    public var refusal: String?
    /// When it first ran.
    public var start: Int64?
    public var end: Int64?
    public var preemptions = 0
    /// On which nodes it ran, turn by turn; only where a picture is wanted.
    public var turns: [[Int]] = []
    /// When it began to run and when it was put to sleep, turn by turn.
    public var begins: [Int64] = []
    public var pauses: [Int64] = []

    var ran: Int64 = 0
    var running: Int64 = 0
    var turn = 0

    init(job: Workload.Job) {
        self.job = job
    }

    public var isReservation: Bool { job.start != nil }

    /// From submission to end, in run times (of at least 10 s); at least 1.
    public var boundedSlowdown: Double? {
        end.map { max(1, Double($0 - job.submit) / max(SimulationResult.bound, Double(job.real))) }
    }
}

/// A run in numbers. Waits and slowdowns are over best-effort leases; completion counts from the trace's time 0.
public struct SimulationResult: Sendable {
    public struct Count: Sendable {
        public var submitted = 0
        public var completed = 0
        public var rejected = 0
    }

    public var records: [LeaseRecord]
    public var bestEffort = Count()
    public var advance = Count()
    public var completion: Double = 0
    public var meanWait: Double = 0
    public var meanSlowdown: Double = 0
    public var maxWait: Double = 0
    public var utilisation: Double = 0
    public var preemptions = 0
    /// Accepted reservations that did not start on time, or not run as long as they needed.
    public var brokenReservations = 0
    /// Moments at which a node held more than it has.
    public var capacityViolations: Int
    public var wall: Double = 0

    /// Slowdowns of jobs shorter than this are counted as if they took this long, in milliseconds.
    static let bound = 10_000.0

    init(records: [LeaseRecord], model: SimulationModel, busy: Double, violations: Int) {
        self.records = records
        capacityViolations = violations
        var last: Int64 = 0
        var (waits, slowdowns) = (0.0, 0.0)
        for record in records {
            let done = record.end != nil
            preemptions += record.preemptions
            if let start = record.job.start {
                advance.submitted += 1
                if done { advance.completed += 1 } else { advance.rejected += record.accepted ? 0 : 1 }
                let onTime =
                    record.start == max(start, record.job.submit) && done && record.ran >= record.job.real && record.preemptions == 0
                if record.accepted, !onTime { brokenReservations += 1 }
                continue
            }
            bestEffort.submitted += 1
            if !record.accepted { bestEffort.rejected += 1 }
            guard let end = record.end, let start = record.start else { continue }
            bestEffort.completed += 1
            last = max(last, end)
            let wait = Double(start - record.job.submit)
            waits += wait
            maxWait = max(maxWait, wait / 1000)
            slowdowns += record.boundedSlowdown ?? 1
        }
        if bestEffort.completed == 0 { last = records.compactMap(\.end).max() ?? 0 }
        completion = Double(last) / 1000
        let count = Double(max(1, bestEffort.completed))
        meanWait = waits / 1000 / count
        meanSlowdown = slowdowns / count
        let capacity = Double(model.allNodes) * model.node.cpus * Double(max(last, 1))
        utilisation = busy / capacity
    }

    /// The means as the published experiment took them: without what happened before the first twentieth of the best-effort leases was
    /// submitted, when the nodes were still empty.
    public var publishedMeans: (wait: Double, slowdown: Double) {
        let jobs = records.filter { !$0.isReservation && $0.end != nil }
        let submits = jobs.map(\.job.submit).sorted()
        guard submits.count >= 20 else { return (meanWait, meanSlowdown) }
        let from = submits[submits.count / 20 - 1]
        let waits = jobs.filter { ($0.start ?? 0) >= from }.map { Double(($0.start ?? 0) - $0.job.submit) / 1000 }
        let slowdowns = jobs.filter { ($0.end ?? 0) >= from }.compactMap(\.boundedSlowdown)
        return (waits.reduce(0, +) / Double(max(1, waits.count)), slowdowns.reduce(0, +) / Double(max(1, slowdowns.count)))
    }

    public var json: JSON {
        func count(_ count: Count) -> JSON {
            ["submitted": JSON(count.submitted), "completed": JSON(count.completed), "rejected": JSON(count.rejected)]
        }
        return [
            "completion_s": JSON(completion), "mean_wait_s": JSON(meanWait), "mean_bounded_slowdown": JSON(meanSlowdown),
            "published_means": [
                "mean_wait_s": JSON(publishedMeans.wait), "mean_bounded_slowdown": JSON(publishedMeans.slowdown),
            ],
            "max_wait_s": JSON(maxWait), "utilisation": JSON(utilisation), "best_effort": count(bestEffort), "advance": count(advance),
            "preemptions": JSON(preemptions), "broken_reservations": JSON(brokenReservations),
            "capacity_violations": JSON(capacityViolations), "wall_s": JSON(wall),
        ]
    }
}
