import JSON
import Model

/// An elastic lease that is active.
struct ElasticLease {
    var id: String
    var bounds: ClosedRange<Int>
    var count: Int
    /// `PROVIDER/NATIVE-ID` of its fulfilled machines.
    var machines: [(provider: String, nativeID: String)]
    var rule = ElasticRule()
}

// Leases that grow and shrink by the load of their machines.
extension MonitorCore {
    func watch(elastic leases: [JSON]) {
        var fresh: [String: ElasticLease] = [:]
        for lease in leases {
            guard let id = lease["id"]?.string, let least = lease["min"]?.int, let most = lease["max"]?.int, least <= most else { continue }
            let machines = (lease["machines"]?.array ?? []).compactMap { machine -> (String, String)? in
                guard let provider = machine["provider"]?.string, let native = machine["native_id"]?.string else { return nil }
                return (provider, native)
            }
            fresh[id] = ElasticLease(
                id: id, bounds: least...most, count: lease["count"]?.int ?? machines.count, machines: machines,
                rule: elastic[id]?.rule ?? ElasticRule())
        }
        elastic = fresh
        if elastic.isEmpty {
            usageDue = .max
            usage = [:]
        } else if usageDue == .max {
            usageDue = now.steady
        }
    }

    func lookAtLoad() {
        guard !elastic.isEmpty else {
            usageDue = .max
            return
        }
        usageDue = now.steady + settings.periods.usage
        for lease in elastic.values.sorted(by: { $0.id < $1.id }) {
            decide(lease)
            for machine in lease.machines where providers[machine.provider]?.isUsable != false {
                let key = "\(machine.provider)/\(machine.nativeID)"
                // What the driver told of by itself need not be asked for.
                if let known = usage[key], now.steady - known.at < settings.periods(of: machine.provider).usage / 2 { continue }
                let call: JSON = ["provider": JSON(machine.provider), "call": "inspect", "id": JSON(machine.nativeID)]
                ask("driver.call", call, for: .load(key))
            }
        }
    }

    private func decide(_ lease: ElasticLease) {
        var rule = lease.rule
        let load = load(of: lease)
        let wanted = rule.decide(load: load, count: lease.count, within: lease.bounds, now: now.steady, settings)
        if let wanted, let load {
            rule.asked(at: now.steady)
            let percent = Int((load * 100).rounded())
            let because = "its machines' load is \(percent) % for \(settings.settle / 1000) s"
            ask("scheduler.scale", ["id": JSON(lease.id), "count": JSON(wanted), "because": JSON(because)], for: .scale(lease.id))
        }
        elastic[lease.id]?.rule = rule
    }

    /// The mean load of a lease's machines; nil unless it is known of each, and lately.
    private func load(of lease: ElasticLease) -> Double? {
        guard lease.machines.count == lease.count else { return nil }
        var sum = 0.0
        for machine in lease.machines {
            let patience = 4 * settings.periods(of: machine.provider).usage
            guard let known = usage["\(machine.provider)/\(machine.nativeID)"], now.steady - known.at <= patience else { return nil }
            sum += known.cpu
        }
        return sum / Double(max(1, lease.machines.count))
    }
}
