import Glibc
import JSON
import Model
import Planner
import Simulator

/// Plays a trace against the planner under a virtual clock. Needs no running host.
struct SimulateCommand: Command {
    static let path = ["simulate"]
    static let summary = "plays a workload trace against the planner and reports waits, slowdowns and utilisation"
    static let usage = "--swf FILE [--lwf FILE] [OPTION]..."
    static let example = "berth simulate --nodes 144 --node cpus=1,memory=1024 --swf 30days.swf --swf-cpus-per-node 8 --preset vm -o json"
    static let options: [OptionSpec] = [
        .value("--nodes", value: "N", help: "how many nodes there are (144)"),
        .value(
            "--member", value: "NAME=N", help: "a member of the federation with so many nodes, asked once ours are full", repeats: true),
        .value("--node", value: "SIZE", help: "what each has: cpus=1,memory=1024 (MiB)"),
        .value("--swf", value: "FILE", help: "best-effort leases in the Standard Workload Format", repeats: true),
        .value("--swf-cpus-per-node", value: "N", help: "processors of the log that make one machine (1)"),
        .value("--lwf", value: "FILE", help: "leases and reservations in Haizea's format", repeats: true),
        .value("--synthetic", value: "JOBS", help: "a made-up year of so many best-effort leases"),
        .value("--synthetic-load", value: "PART", help: "the part of the nodes that it keeps busy (0.7)"),
        .value("--preset", value: "NAME", help: "no-vm, suspend or vm (default): sets the model and its overheads"),
        .value("--backfill", value: "WAY", help: "off, easy (default), conservative, or a number of reservations"),
        .value(
            "--policy", value: "NAME", help: "balanced (default), fifo, or published (default with --backfill): the published scheduler"),
        .value("--seed", value: "N", help: "seed of made-up workloads (1)"),
        .value("--suspend", value: "HOW", help: "none, ideal, or MiB a second"),
        .value("--suspend-enact", value: "MS", help: "milliseconds that each machine adds to a suspend or resume"),
        .flag("--suspend-shared", help: "all machines of a lease suspend to one store, one after another"),
        .value("--migration", value: "HOW", help: "none: resume where it was suspended; any (default): anywhere"),
        .value("--overhead", value: "PERCENT", help: "how much longer everything runs in a machine"),
        .value("--boot", value: "SECONDS", help: "how long a machine boots"),
        .flag("--overhead-of-reservations", help: "reservations are longer by overhead and boot time too, not only best effort"),
        .value("--csv", value: "FILE", help: "write one line for each lease"),
        .value("--plot", value: "FILE", help: "write a timeline as SVG"),
        OptionSpec.output,
    ]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let model = try model(arguments)
        let workload = try workload(arguments, model)
        let backfill = try backfill(arguments)
        let policy = try policy(arguments)
        let clock = ContinuousClock()
        let began = clock.now
        var result: SimulationResult
        if let policy {
            let settings = Settings(
                backfill: backfill, policy: policy, explains: false, seed: UInt64(try arguments.integer("--seed") ?? 1))
            var simulation = Simulation(workload, model: model, settings: settings)
            simulation.keepsTurns = arguments.has("--plot")
            result = simulation.run()
        } else {
            result = PublishedScheduler(workload, model: model, promises: backfill.limit).run()
        }
        let took = began.duration(to: clock.now).components
        result.wall = Double(took.seconds) + Double(took.attoseconds) / 1e18
        if let path = arguments.value("--csv") { try write(result.csv, to: path) }
        if let path = arguments.value("--plot") { try write(result.svg(nodes: model.allNodes), to: path) }
        switch try arguments.output() {
        case .json: print(result.json.pretty)
        case .name: for record in result.records where record.end == nil { print(record.job.id) }
        case .table: report(result)
        }
        return result.brokenReservations == 0 && result.capacityViolations == 0 ? .done : .failed
    }

    private func report(_ result: SimulationResult) {
        func rounded(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
        var table = Table("MEASURE", "VALUE")
        table.add("completion", "\(rounded(result.completion)) s")
        table.add("mean wait", "\(rounded(result.meanWait)) s")
        table.add("longest wait", "\(rounded(result.maxWait)) s")
        table.add("mean bounded slowdown", rounded(result.meanSlowdown))
        table.add("utilisation", "\(rounded(result.utilisation * 100)) %")
        for (name, count) in [("best effort", result.bestEffort), ("reservations", result.advance)] {
            table.add(name, "\(count.submitted) submitted, \(count.completed) completed, \(count.rejected) rejected")
        }
        table.add("preemptions", "\(result.preemptions)")
        table.add("broken reservations", "\(result.brokenReservations)")
        table.add("took", "\(rounded(result.wall)) s")
        print(table.text)
    }

    private func model(_ arguments: Arguments) throws -> SimulationModel {
        let name = arguments.value("--preset") ?? "vm"
        guard let preset = SimulationModel.Preset(rawValue: name) else {
            throw UsageError("--preset wants no-vm, suspend or vm, not '\(name)'")
        }
        var model = SimulationModel(preset)
        if let nodes = try arguments.integer("--nodes") {
            guard (1...1_000_000).contains(nodes) else { throw UsageError("--nodes wants 1 to 1000000") }
            model.nodes = nodes
        }
        for text in arguments.all("--member") {
            let sides = text.split(separator: "=").map(String.init)
            guard sides.count == 2, let nodes = Int(sides[1]), (1...1_000_000).contains(nodes), sides[0] != "sim" else {
                throw UsageError("--member wants NAME=NODES, not '\(text)'")
            }
            model.members.append(SimulationModel.Member(sides[0], nodes: nodes))
        }
        if let text = arguments.value("--node") { model.node = try size(text) }
        switch arguments.value("--suspend") {
        case nil: break
        case "none": model.suspend = nil
        case "ideal": model.suspend = .ideal
        case .some(let rate):
            guard let rate = Double(rate), rate > 0 else { throw UsageError("--suspend wants none, ideal or MiB a second, not '\(rate)'") }
            model.suspend = SuspendModel(rate: rate, resumesElsewhere: true, keepsDisk: false)
        }
        if let enact = try arguments.integer("--suspend-enact") { model.suspend?.enactMilliseconds = Int64(max(0, enact)) }
        if arguments.has("--suspend-shared") { model.suspend?.shared = true }
        if let migration = arguments.value("--migration") {
            guard ["none", "any"].contains(migration) else { throw UsageError("--migration wants none or any, not '\(migration)'") }
            model.suspend?.resumesElsewhere = migration == "any"
        }
        if let text = arguments.value("--overhead") {
            guard let percent = Double(text), percent >= 0 else { throw UsageError("--overhead wants a percentage, not '\(text)'") }
            model.overheadPercent = percent
        }
        if let text = arguments.value("--boot") {
            guard let seconds = Double(text), seconds >= 0 else { throw UsageError("--boot wants seconds, not '\(text)'") }
            model.bootMilliseconds = Int64(seconds * 1000)
        }
        model.overheadOfReservations = arguments.has("--overhead-of-reservations")
        return model
    }

    /// `cpus=1,memory=1024`, with `disk=` and `machines=` where they count.
    private func size(_ text: String) throws -> Resources {
        var size = Resources(milliCPUs: 1000, memoryMiB: 1024, diskGiB: Resources.unlimited, machines: Resources.unlimited)
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=").map(String.init)
            guard pair.count == 2, let value = Double(pair[1]), value >= 0, value < 1e9 else {
                throw UsageError("--node wants cpus=1,memory=1024, not '\(part)'")
            }
            switch pair[0] {
            case "cpus": size.milliCPUs = Resources.milli(value)
            case "memory": size.memoryMiB = Int64(value)
            case "disk": size.diskGiB = Int64(value)
            case "machines": size.machines = Int64(value)
            default: size.named[pair[0]] = Int64(value)
            }
        }
        return size
    }

    private func workload(_ arguments: Arguments, _ model: SimulationModel) throws -> Workload {
        var workload = Workload()
        // A job of the log fills a node with each of its machines.
        let each = Resources.machine(cpus: model.node.cpus, memoryMiB: model.node.memoryMiB)
        let perMachine = try arguments.integer("--swf-cpus-per-node") ?? 1
        guard perMachine > 0 else { throw UsageError("--swf-cpus-per-node wants at least 1") }
        for path in arguments.all("--swf") { workload.merge(try Workload(swf: try read(path), perMachine: perMachine, each: each)) }
        for path in arguments.all("--lwf") { workload.merge(try Workload(lwf: try read(path))) }
        if let jobs = try arguments.integer("--synthetic") {
            let load = arguments.value("--synthetic-load").map { Double($0) } ?? 0.7
            guard let load, load > 0, jobs > 0 else {
                throw UsageError("--synthetic wants a number of jobs, --synthetic-load a part such as 0.7")
            }
            let seed = UInt64(try arguments.integer("--seed") ?? 1)
            workload.merge(.synthetic(jobs: jobs, nodes: model.nodes, load: load, seed: seed, each: each))
        }
        guard !workload.jobs.isEmpty else { throw UsageError("nothing to play: give --swf, --lwf or --synthetic") }
        return workload
    }

    private func backfill(_ arguments: Arguments) throws -> Settings.Backfill {
        switch arguments.value("--backfill") {
        case nil, "easy": return .easy
        case "off": return .off
        case "conservative": return .conservative
        case .some(let text):
            guard let count = Int(text), count >= 0 else {
                throw UsageError("--backfill wants off, easy, conservative or a number, not '\(text)'")
            }
            return .reservations(count)
        }
    }

    /// Nil: the published scheduler. It is meant where only a way of backfilling is given, too.
    private func policy(_ arguments: Arguments) throws -> Settings.Policy? {
        let name = arguments.value("--policy") ?? (arguments.has("--backfill") ? "published" : Settings.Policy.balanced.rawValue)
        if name == "published" { return nil }
        guard let policy = Settings.Policy(rawValue: name) else {
            throw UsageError("--policy wants balanced, fifo or published, not '\(name)'")
        }
        return policy
    }

    private func read(_ path: String) throws -> String {
        guard let file = fopen(path, "rb") else { throw BerthError(.notFound, "cannot read \(path): \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func write(_ text: String, to path: String) throws {
        guard let file = fopen(path, "wb") else { throw BerthError(.invalid, "cannot write \(path): \(String(cString: strerror(errno)))") }
        let bytes = Array(text.utf8)
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count else { throw BerthError(.broken, "\(path) could not be written whole") }
    }
}
