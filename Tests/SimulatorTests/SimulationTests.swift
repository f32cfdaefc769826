import Foundation
import Model
import Planner
import Testing

@testable import Simulator

@Suite("traces played against the plan")
struct SimulationTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Recorded/haizea")
    static let each = Resources.machine(cpus: 1, memoryMiB: 1024)

    static func text(_ name: String) throws -> String { try String(contentsOf: folder.appending(path: name), encoding: .utf8) }

    @Test("a trace has the jobs that the published converter counts")
    func counted() throws {
        let workload = try Workload(swf: Self.text("30days.swf"), perMachine: 8, each: Self.each)
        #expect(workload.jobs.count == 5108)
        #expect(workload.jobs.allSatisfy { $0.machines <= 144 && $0.real <= $0.requested })
    }

    @Test(
        "small trace: all jobs run, no reservation breaks, no node is overfull", arguments: SimulationModel.Preset.allCases,
        Settings.Policy.allCases)
    func small(preset: SimulationModel.Preset, policy: Settings.Policy) throws {
        var workload = try Workload(swf: Self.text("150requests.swf"), perMachine: 8, each: Self.each)
        var reservations = try Workload(lwf: Self.text("reservations/work_30-dur_3h-size_2medium.lwf"))
        reservations.jobs = Array(reservations.jobs.prefix(12))
        workload.merge(reservations)
        let result = Simulation(workload, model: SimulationModel(preset), settings: Settings(policy: policy, explains: false)).run()
        #expect(result.bestEffort.completed == result.bestEffort.submitted)
        #expect(result.advance.completed + result.advance.rejected == result.advance.submitted)
        #expect(result.brokenReservations == 0)
        #expect(result.capacityViolations == 0)
    }

    @Test("a wrong line is named")
    func wrong() {
        #expect(throws: BerthError.self) { try Workload(swf: "1 2 3\n", each: Self.each) }
        #expect(throws: BerthError.self) { try Workload(lwf: "0 10 100\n") }
    }

    @Test("the same seed makes the same workload and the same run")
    func deterministic() {
        let runs = (0..<2).map { _ in
            let workload = Workload.synthetic(jobs: 400, nodes: 32, days: 2, seed: 9, each: Self.each)
            var model = SimulationModel(.vm)
            model.nodes = 32
            return Simulation(workload, model: model, settings: Settings(explains: false)).run().csv
        }
        #expect(runs[0] == runs[1])
        #expect(runs[0].split(separator: "\n").count == 401)
    }

    @Test("the picture is well-formed and has every turn of every lease")
    func picture() throws {
        let workload = Workload.synthetic(jobs: 40, nodes: 8, days: 1, seed: 2, each: Self.each)
        var model = SimulationModel(.vm)
        model.nodes = 8
        var simulation = Simulation(workload, model: model, settings: Settings(explains: false))
        simulation.keepsTurns = true
        let result = simulation.run()
        let document = try XMLCheck.elements(result.svg(nodes: 8))
        #expect(document["title", default: 0] >= 40)
    }
}

/// Counts elements, and notices one that is not closed.
enum XMLCheck {
    struct Broken: Error {}

    static func elements(_ text: String) throws -> [String: Int] {
        var (open, counts): ([String], [String: Int]) = ([], [:])
        for part in text.split(separator: "<").dropFirst(text.hasPrefix("<") ? 0 : 1) {
            guard let close = part.firstIndex(of: ">") else { throw Broken() }
            let tag = part[..<close]
            let name = String(tag.drop { $0 == "/" }.prefix { $0.isLetter })
            if tag.hasPrefix("/") {
                guard open.popLast() == name else { throw Broken() }
            } else {
                counts[name, default: 0] += 1
                if !tag.hasSuffix("/") { open.append(name) }
            }
        }
        guard open.isEmpty else { throw Broken() }
        return counts
    }
}

@Suite("the published scheduler")
struct PublishedSchedulerTests {
    static func run(_ preset: SimulationModel.Preset, _ load: Int?, promises: Int = 1) throws -> SimulationResult {
        var workload = try Workload(swf: SimulationTests.text("30days.swf"), perMachine: 8, each: SimulationTests.each)
        if let load {
            workload.merge(try Workload(lwf: SimulationTests.text("reservations/work_\(load)-dur_3h-size_2medium.lwf")))
        }
        return PublishedScheduler(workload, model: SimulationModel(preset), promises: promises).run()
    }

    @Test("best effort alone completes at the published second")
    func baseline() throws {
        #expect(try Self.run(.noVM, nil).completion == 2_674_265)
    }

    struct Row: Sendable {
        var preset: SimulationModel.Preset
        var load: Int
        var completion, wait, slowdown: Double
    }

    /// All four take a minute without the optimiser: `BERTH_ROWS=4`.
    static let rows = [
        Row(preset: .suspend, load: 10, completion: -0.76, wait: 6.18, slowdown: 31.05),
        Row(preset: .suspend, load: 20, completion: 0.10, wait: 8.14, slowdown: 49.56),
        Row(preset: .noVM, load: 10, completion: 3.91, wait: 16.91, slowdown: 60.48),
        Row(preset: .noVM, load: 20, completion: 8.66, wait: 23.91, slowdown: 71.80),
    ].prefix(ProcessInfo.processInfo.environment["BERTH_ROWS"].flatMap { Int($0) } ?? 1)

    @Test("a published row comes out within 5 %", arguments: rows)
    func published(row: Row) throws {
        let result = try Self.run(row.preset, row.load)
        let means = result.publishedMeans
        #expect(abs((result.completion / 2_674_265 - 1) * 100 - row.completion) < 0.2)
        #expect(abs(means.wait / 1000 / row.wait - 1) < 0.05)
        #expect(abs(means.slowdown / row.slowdown - 1) < 0.05)
        #expect(result.bestEffort.completed == 5108)
        #expect(result.advance.rejected == 0)
        #expect(result.brokenReservations == 0)
        #expect(result.capacityViolations == 0)
    }

    @Test("without promises nobody overtakes; with a promise for each, all end too", arguments: [0, Int.max])
    func others(promises: Int) throws {
        var workload = try Workload(swf: SimulationTests.text("150requests.swf"), perMachine: 8, each: SimulationTests.each)
        workload.merge(
            Workload(jobs: Array(try Workload(lwf: SimulationTests.text("reservations/work_30-dur_3h-size_2medium.lwf")).jobs.prefix(12))))
        for preset in SimulationModel.Preset.allCases {
            let result = PublishedScheduler(workload, model: SimulationModel(preset), promises: promises).run()
            #expect(result.bestEffort.completed == result.bestEffort.submitted)
            #expect(result.brokenReservations == 0)
            #expect(result.capacityViolations == 0)
            guard promises == 0, preset == .noVM else { continue }
            let starts = result.records.filter { !$0.isReservation }.compactMap(\.start)
            #expect(starts == starts.sorted())
        }
    }
}
