import Bus
import Foundation
import JSON
import Model
import Platform
import Synchronization
import TestSupport

/// Where a round kills.
struct KillPoint: Sendable, CustomStringConvertible {
    enum Target: String, CaseIterable, Sendable { case host, worker, both }

    /// Who counts, what, and the how-manieth; see Tests/Kill/point.c.
    var role: String
    var event: String
    var number: Int
    var target: Target

    var description: String { "\(role) \(event) \(number) \(target.rawValue)" }

    /// Before and after each commit, each frame that carries a driver call or its answer, and each effect of the driver, as often as it
    /// takes to come to `count`.
    static func chosen(_ count: Int) -> [KillPoint] {
        var points: [KillPoint] = []
        for number in 1...max(1, count) {
            for moment in ["before", "after"] {
                points.append(KillPoint(role: "host", event: "commit-\(moment)", number: number, target: .host))
                points.append(KillPoint(role: "host", event: "send-\(moment)", number: number, target: .host))
                for target in Target.allCases {
                    points.append(KillPoint(role: "worker", event: "effect-\(moment)", number: number, target: target))
                    points.append(KillPoint(role: "worker", event: "send-\(moment)", number: number, target: target))
                }
            }
        }
        return Array(points.prefix(count))
    }
}

/// Leases on machines in a file, while the host, its worker, or both are killed; and the question after each kill whether everything is as
/// it was promised. One ledger and one file go through all rounds.
final class KillHarness {
    /// What the rounds came to.
    struct Figures {
        var rounds = 0
        var reached = 0
        var leases = 0
        var machines = 0
        /// Milliseconds from the start of the host after a kill until everything was at rest and true.
        var rest: [Int] = []

        var text: String {
            let sorted = rest.sorted()
            let (median, most) = (sorted.isEmpty ? 0 : sorted[sorted.count / 2], sorted.last ?? 0)
            return "\(rounds) rounds, \(reached) of them at a chosen point; \(leases) leases acknowledged, \(machines) machines seen; "
                + "at rest after a median of \(median) ms, at most \(most) ms"
        }
    }

    let host: LeaseHost
    private let point: String
    private let preload: String
    var random: SplitMix
    var figures = Figures()
    /// What clients were told: leases that exist, and the states that a lease must come to.
    var acknowledged: Set<String> = []
    var expected: [String: String] = [:]
    /// Keyed requests, and the lease that each made, if anybody was told.
    var keyed: [(key: String, body: JSON, lease: String?)] = []
    var seenMachines: Set<String> = []
    /// Leases that may be changed: those that were not over when last looked at.
    var living: [String] = []

    init(seed: UInt64) throws {
        random = SplitMix(state: seed)
        preload = "\(Scratch.directory)/point.so"
        try CCompiler.run(
            ["-std=gnu11", "-O1", "-fPIC", "-shared", "\(Repository.root)/Tests/Kill/point.c", "-ldl", "-o", preload])
        let control = "\(Scratch.directory)/point-\(seed)"
        point = control
        host = try LeaseHost([
            InventoryProvider(
                nodes: 2, cpus: 16, config: ["create_ms": "20", "action_ms": "15", "boot_ms": "30", "list_ms": "5"],
                keys: ["env.LD_PRELOAD": preload, "env.BERTH_KILL_POINT": control, "env.BERTH_KILL_ROLE": "worker"])
        ])
    }

    private var environment: [String: String] {
        ["LD_PRELOAD": preload, "BERTH_KILL_POINT": point, "BERTH_KILL_ROLE": "host"]
    }

    // MARK: rounds

    /// One kill at a random moment: of the host, the worker or both, sometimes while the host starts.
    func randomRound() async throws {
        let target = random.pick(KillPoint.Target.allCases) ?? .host
        let delay = random.below(500)
        let early = random.chance(15)
        if early {
            let execution = try host.served.begin(environment)
            try await Task.sleep(for: .milliseconds(random.below(80)))
            execution.send(SIGKILL)
            _ = try await execution.result()
        }
        try await host.served.start(environment)
        let served = host.served
        let end = ContinuousClock.now.advanced(by: .milliseconds(delay))
        let isOver = Told<Bool>()
        let killer = Task {
            try await Task.sleep(until: end)
            let workers = served.workers
            if target != .host { for pid in workers { Foundation.kill(pid, SIGKILL) } }
            if target != .worker { try await served.kill() } else { try await Task.sleep(for: .milliseconds(150)) }
            isOver.value = true
        }
        try await act { isOver.value == true }
        try await killer.value
        try await verify("killed \(target.rawValue) after \(delay) ms\(early ? " and while it started" : "")")
    }

    /// One kill at a chosen point.
    func round(at chosen: KillPoint) async throws {
        try "\(chosen)\n".write(toFile: point, atomically: true, encoding: .utf8)
        let execution = try host.served.begin(environment)
        // Some points come by before it is ready.
        try await eventually("the host is ready or dead") { execution.standardError.contains("host ready") || !execution.isRunning }
        let (file, served) = (point, host.served)
        let end = ContinuousClock.now.advanced(by: .seconds(20))
        // The point comes by, or it does not while this much is done.
        try await act { !FileManager.default.fileExists(atPath: file) || ContinuousClock.now > end }
        if FileManager.default.fileExists(atPath: file) {
            try FileManager.default.removeItem(atPath: file)
        } else {
            figures.reached += 1
            if chosen.target != .worker { try await eventually("the host is killed") { !served.isRunning } }
        }
        try await verify("\(chosen)")
    }

    /// Lets a client do what clients do until `isOver` or the host is gone.
    private func act(_ isOver: @escaping () -> Bool) async throws {
        let client = try host.client()
        defer { client.close() }
        while host.served.isRunning, !isOver() {
            try await step { [host] verb, body, key in
                // Not `request`: it would wait for a host that is no more.
                let answer = Told<Answer>()
                client.send(verb, body.bytes, ClientOptions(deadline: 60_000, key: key)) { answer.value = $0 }
                while true {
                    if let given = answer.value { return given.error?.code == .unreachable ? nil : given }
                    if !host.served.isRunning { return answer.value }
                    try await Task.sleep(for: .milliseconds(1))
                }
            }
        }
    }
}

/// What one thread tells another.
final class Told<Value: Sendable>: Sendable {
    private let told = Mutex<Value?>(nil)

    var value: Value? {
        get { told.withLock { $0 } }
        set { told.withLock { $0 = newValue } }
    }
}
