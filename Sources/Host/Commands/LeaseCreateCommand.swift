import Glibc
import JSON
import Model
import Platform

/// `berth lease create`
struct LeaseCreateCommand: Command {
    static let path = ["lease", "create"]
    static let summary = "ask for machines: now, at a time, when there is room, or until a deadline"
    static let usage = "--flavor NAME [--count N] [--image NAME] [--duration TIME] [OPTION]..."
    static let example = "berth lease create --count 3 --flavor small --image debian-12 --start '2026-11-30 09:00' --duration 4h --wait"
    static let options: [OptionSpec] = [
        .value("--name", value: "NAME", help: "what you call it"),
        .value("--template", value: "NAME", help: "start from a template; what you give here goes before it"),
        .value("--file", value: "FILE", help: "a whole request as JSON (- for standard input); other options go before it"),
        .value("--count", value: "N", help: "how many machines (1)"),
        .value("--flavor", value: "NAME", help: "their size by name: berth flavors"),
        .value("--cpus", value: "N", help: "their size: cpus, with --memory and --disk instead of a flavor"),
        .value("--memory", value: "MIB", help: "memory in MiB"),
        .value("--disk", value: "GIB", help: "disk in GiB"),
        .value("--image", value: "NAME", help: "what they boot: berth images"),
        .value("--requirements", value: "EXPR", help: "where they may run: 'cpus >= 2 && provider != \"esx2\"'"),
        .flag("--spread", help: "each on another node as far as there are any"),
        .flag("--pack", help: "as few nodes as possible"),
        .value("--network", value: "NAME", help: "a network to be in", repeats: true),
        .value("--public-key", value: "FILE", help: "an SSH public key to put in", repeats: true),
        .value("--user-data", value: "FILE", help: "cloud-init's user data"),
        .value("--ready", value: "RULE", help: "when a machine counts as there: running, address, tcp:PORT or agent"),
        .value("--ready-timeout", value: "TIME", help: "how long it may take from running to ready (5m)"),
        .value("--start", value: "WHEN", help: "reserve from then on: 09:00, '2026-11-30 09:00', +30m, RFC 3339"),
        .value("--duration", value: "TIME", help: "for how long: 90s, 30m, 4h, 2d"),
        .value("--deadline", value: "WHEN", help: "any time that lets it end by then"),
        .flag("--best-effort", help: "wait in the queue until there is room"),
        .value("--valid-from", value: "WHEN", help: "not before"),
        .value("--valid-until", value: "WHEN", help: "try no longer than this"),
        .flag("--partial", help: "as many machines as there is room for, instead of all or none"),
        .flag("--persistent", help: "make lost machines again"),
        .flag("--preemptible", help: "may be suspended for others"),
        .value("--priority", value: "N", help: "higher goes first"),
        .value("--elastic", value: "MIN..MAX", help: "add and remove machines by load"),
        .flag("--reserve", help: "with --elastic: keep room for the maximum"),
        .value("--on-end", value: "WHAT", help: "destroy (default), stop or suspend the machines at the end"),
        .value("--on-preempt", value: "WHAT", help: "suspend (default), stop or cancel when others need the room"),
        .value("--where", value: "WHERE", help: "local (default), anywhere, or a member's name", repeats: true),
        .value("--tag", value: "NAME=VALUE", help: "a tag", repeats: true),
        .value("--project", value: "NAME", help: "whose quota it counts in"),
        .value("--key", value: "KEY", help: "idempotency key: the same request with it is done once"),
        .value("--as", value: "OWNER", help: "act for another account (operators)"),
        .flag("--dry-run", help: "only say what would come of it"),
        .flag("--wait", help: "until it is active or has failed"),
        .output,
    ]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let body = try LeaseRequestBody(arguments).body
        let waits = arguments.has("--wait")
        let answer: JSON
        do {
            answer = try await HostAnswer.ask(arguments, "lease.create", body, wait: waits, key: arguments.value("--key"))
        } catch is HostAnswer.Refused {
            return .failed
        }
        if arguments.has("--dry-run") { return try showDryRun(arguments, answer) }
        let lease = answer["lease"] ?? .null
        switch try arguments.output() {
        case .json: print(lease.pretty)
        case .name: print(LeaseTables.text(lease["id"]))
        case .table:
            print(LeaseTables.lease(lease))
            if !waits { print("\nSee it with: berth lease show \(LeaseTables.text(lease["id"]))") }
        }
        guard waits else { return .done }
        return ["active", "suspended"].contains(lease["state"]?.string) ? .done : .failed
    }

    private func showDryRun(_ arguments: Arguments, _ answer: JSON) throws -> ExitCode {
        guard try arguments.output() == .table else {
            print(answer.pretty)
            return .done
        }
        let start = LeaseTables.text(answer["start"])
        switch answer["decision"]?.string {
        case "queued": print("It would wait in the queue" + (start == "-" ? "." : ", probably until \(start)."))
        default:
            print("It would start at \(start)" + (answer["end"]?.string.map { " and end at \($0)" } ?? "") + ".")
            var table = Table("GROUP", "PROVIDER", "NODE")
            for machine in answer["machines"]?.array ?? [] {
                table.add(LeaseTables.text(machine["group"]), LeaseTables.text(machine["provider"]), LeaseTables.text(machine["node"]))
            }
            print(table.text)
        }
        return .done
    }
}

/// The body of `lease.create` from the options of the command.
struct LeaseRequestBody {
    private(set) var body: JSON = .object(JSON.Object())

    init(_ arguments: Arguments) throws {
        if let file = arguments.value("--file") { body = try Self.read(json: file) }
        for (option, field) in [
            ("--name", "name"), ("--template", "template"), ("--on-end", "on_end"), ("--on-preempt", "on_preempt"),
            ("--project", "project"),
        ] {
            if let value = arguments.value(option) { body[field] = .string(value) }
        }
        try times(arguments)
        if arguments.has("--partial") { body["atomic"] = false }
        if arguments.has("--persistent") { body["persistent"] = true }
        if arguments.has("--preemptible") { body["preemptible"] = true }
        if let priority = try arguments.integer("--priority") { body["priority"] = JSON(priority) }
        let places = arguments.all("--where")
        if !places.isEmpty { body["where"] = places.count == 1 ? .string(places[0]) : JSON(places) }
        for tag in arguments.all("--tag") {
            guard let equals = tag.firstIndex(of: "=") else { throw UsageError("--tag wants NAME=VALUE, not '\(tag)'") }
            var tags = body["tags"] ?? .object(JSON.Object())
            tags[String(tag[..<equals])] = .string(String(tag[tag.index(after: equals)...]))
            body["tags"] = tags
        }
        if arguments.has("--dry-run") { body["dry_run"] = true }
        if arguments.has("--wait") { body["wait"] = true }
        try group(arguments)
        try elastic(arguments)
    }

    private mutating func times(_ arguments: Arguments) throws {
        if let text = arguments.value("--duration") { body["duration_s"] = JSON(try LeaseTimes.seconds(text, option: "--duration")) }
        for (option, field) in [
            ("--start", "start"), ("--deadline", "deadline"), ("--valid-from", "valid_from"), ("--valid-until", "valid_until"),
        ] {
            if let text = arguments.value(option) { body[field] = JSON(try LeaseTimes.instant(text, option: option).description) }
        }
        let kinds = [
            arguments.has("--best-effort") ? "best-effort" : nil, arguments.value("--start").map { _ in "advance" },
            arguments.value("--deadline").map { _ in "deadline" },
        ].compactMap { $0 }
        if kinds.contains("advance"), kinds.contains("best-effort") { throw UsageError("--start and --best-effort exclude each other") }
        if let kind = kinds.last { body["kind"] = .string(kind) }
    }

    private mutating func group(_ arguments: Arguments) throws {
        var group = body["groups"]?[0] ?? .object(JSON.Object())
        let before = group
        if let count = try arguments.integer("--count") { group["count"] = JSON(count) }
        for (option, field) in [("--flavor", "flavor"), ("--image", "image"), ("--requirements", "requirements"), ("--ready", "ready")] {
            if let value = arguments.value(option) { group[field] = .string(value) }
        }
        if let text = arguments.value("--cpus") {
            guard let cpus = Double(text) else { throw UsageError("--cpus wants a number, not '\(text)'") }
            group["cpus"] = Int(text).map { JSON($0) } ?? .double(cpus)
        }
        if let memory = try arguments.integer("--memory") { group["memory_mib"] = JSON(memory) }
        if let disk = try arguments.integer("--disk") { group["disk_gib"] = JSON(disk) }
        if arguments.has("--spread") { group["spread"] = true }
        if arguments.has("--pack") { group["pack"] = true }
        if !arguments.all("--network").isEmpty { group["networks"] = JSON(arguments.all("--network")) }
        let keys = try arguments.all("--public-key").map { try Self.read($0).split(separator: "\n").map(String.init) }.flatMap { $0 }
        if !keys.isEmpty { group["public_keys"] = JSON(keys) }
        if let file = arguments.value("--user-data") { group["user_data"] = .string(try Self.read(file)) }
        if let text = arguments.value("--ready-timeout") {
            group["ready_timeout_s"] = JSON(try LeaseTimes.seconds(text, option: "--ready-timeout"))
        }
        guard group != before || body["groups"] == nil && body["template"] == nil else { return }
        let others = (body["groups"]?.array ?? []).dropFirst()
        body["groups"] = .array([group] + others)
    }

    private mutating func elastic(_ arguments: Arguments) throws {
        guard let text = arguments.value("--elastic") else { return }
        let parts = text.split(separator: ".", omittingEmptySubsequences: true).compactMap { Int($0) }
        guard parts.count == 2 else { throw UsageError("--elastic wants MIN..MAX, such as 1..4, not '\(text)'") }
        body["elastic"] = ["min": JSON(parts[0]), "max": JSON(parts[1]), "reserve": JSON(arguments.has("--reserve"))]
    }

    private static func read(json path: String) throws -> JSON {
        do {
            return try JSON(parsing: try read(path))
        } catch let error as JSON.ParseError {
            throw UsageError("\(path) is no JSON: \(error)")
        }
    }

    /// The text of a file, or of standard input for `-`.
    private static func read(_ path: String) throws -> String {
        do {
            return String(decoding: try Files.read(path == "-" ? "/dev/stdin" : path), as: UTF8.self)
        } catch {
            throw UsageError("\(error)")
        }
    }
}
