import JSON
import Model
import Planner
import PluginHost
import Scheduler

extension SchedulerSettings {
    /// What the configuration says about leases.
    init(_ configuration: Configuration) {
        self.init()
        flavors = configuration.flavors.map {
            Flavor(
                name: $0.name, size: Size(milliCPUs: Int(Resources.milli($0.cpus)), memoryMiB: $0.memoryMiB, diskGiB: $0.diskGiB))
        }
        images = configuration.images.map { Image(name: $0.name, byProvider: $0.values) }
        for section in configuration.sections("template") { templates[section.name] = Self.template(section) }
        let own = configuration.section("scheduler")
        read(own)
        let rate = own?.size("suspend-rate").map { max(1, Double($0) / 1_048_576) } ?? 50
        providers = configuration.providers.filter(\.isEnabled).map { provider in
            ProviderSettings(
                name: provider.name, plugin: provider.plugin, threads: provider.threads, overcommit: provider.overcommit,
                tags: Dictionary(
                    provider.section.entries(below: "tag").map { ($0.rest, $0.entry.value) }, uniquingKeysWith: { first, _ in first }),
                tariff: Self.tariff(configuration.sections("price").first { $0.name == provider.name }), suspendRate: rate)
        }
    }

    /// `[price PROVIDER]`: what an hour costs, and `factor.22-6 = 0.5` for hours of the day (UTC) at which it costs more or less.
    static func tariff(_ section: Section?) -> Tariff {
        guard let section else { return .free }
        let spans = section.entries(below: "factor").compactMap { rest, entry -> Tariff.Span? in
            let hours = rest.split(separator: "-").compactMap { Int($0) }
            guard hours.count == 2, hours.allSatisfy({ (0...24).contains($0) }), let factor = Double(entry.value) else { return nil }
            return Tariff.Span(from: hours[0] % 24 * 60, to: hours[1] % 24 * 60, factor: factor)
        }
        return Tariff(
            perCPUHour: section["cpu-hour"].flatMap(Double.init) ?? 0, perGiBHour: section["gib-hour"].flatMap(Double.init) ?? 0,
            spans: spans)
    }

    private mutating func read(_ section: Section?) {
        guard let section else { return }
        switch section["backfill"] {
        case "off": plan.backfill = .off
        case "conservative": plan.backfill = .conservative
        case let word?: plan.backfill = Int(word).map { .reservations($0) } ?? .easy
        case nil: break
        }
        if let policy = section["policy"].flatMap(Planner.Settings.Policy.init) { plan.policy = policy }
        if section["placement"] == "spread" { style = .spread }
        prepareAhead = section.duration("prepare-ahead")
        if let within = section.duration("prepare-within") { prepareWithin = within }
        if let halfLife = section.duration("half-life") { plan.usageHalfLife = halfLife }
        readQuotas(section)
    }

    /// `quota.cpus = 10` for each project, `quota.PROJECT.cpus = 40` for one.
    private mutating func readQuotas(_ section: Section) {
        var limits: [String: Resources] = [:]
        for (rest, entry) in section.entries(below: "quota") {
            guard let value = Double(entry.value) else { continue }
            let dot = rest.lastIndex(of: ".")
            let project = dot.map { String(rest[..<$0]) } ?? "*"
            let name = dot.map { String(rest[rest.index(after: $0)...]) } ?? rest
            let none = Resources.unlimited
            var limit =
                limits[project] ?? Resources(milliCPUs: none, memoryMiB: none, diskGiB: none, machines: none)
            switch name {
            case "cpus": limit.milliCPUs = Resources.milli(value)
            case "memory-mib": limit.memoryMiB = Int64(value)
            case "disk-gib": limit.diskGiB = Int64(value)
            case "machines": limit.machines = Int64(value)
            default: limit.named[name] = Int64(value)
            }
            limits[project] = limit
        }
        for (project, limit) in limits { quotas[project] = Quota(limit: limit) }
    }

    /// `[template NAME]`: the fields of a request with one group, in the spelling of the configuration, or all of it as JSON in `request`.
    private static func template(_ section: Section) -> JSON {
        if let text = section["request"], let request = try? JSON(parsing: text) { return request }
        var group: JSON = .object(JSON.Object())
        var request: JSON = .object(JSON.Object())
        for entry in section.entries where !entry.key.hasPrefix("x-") {
            let name = String(entry.key.map { $0 == "-" ? "_" : $0 })
            switch entry.key {
            case "count", "memory-mib", "disk-gib": group[name] = number(entry.value)
            case "cpus": group[name] = number(entry.value)
            case "flavor", "image", "requirements", "ready", "placement": group[name] = .string(entry.value)
            case "networks", "public-keys": group[name] = JSON(section.list(entry.key) ?? [])
            case "ready-timeout": group["ready_timeout_s"] = JSON(Int((section.duration(entry.key) ?? 300_000) / 1000))
            case "duration": request["duration_s"] = section.duration(entry.key).map { JSON(Int($0 / 1000)) } ?? .null
            case "atomic", "persistent", "preemptible":
                request[name] = section.bool(entry.key).map { JSON.bool($0) } ?? .string(entry.value)
            case "priority": request[name] = number(entry.value)
            default: request[name] = .string(entry.value)
            }
        }
        request["groups"] = [group]
        return request
    }

    private static func number(_ text: String) -> JSON {
        if let whole = Int(text) { return JSON(whole) }
        return Double(text).map { JSON.double($0) } ?? .string(text)
    }
}
