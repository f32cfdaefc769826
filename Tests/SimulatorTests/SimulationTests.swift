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
