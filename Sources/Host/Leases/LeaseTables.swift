import JSON
import Model

/// Leases, machines and refusals for people.
enum LeaseTables {
    static func leases(_ leases: [JSON]) -> String {
        var table = Table("ID", "NAME", "KIND", "STATE", "MACHINES", "OWNER", "START", "END", "REASON")
        for lease in leases {
            let machines = lease["machines"]?.array ?? []
            let ready = machines.filter { $0["state"]?.string == "fulfilled" }.count
            let wanted = (lease["groups"]?.array ?? []).reduce(0) { $0 + ($1["count"]?.int ?? 0) }
            table.add(
                text(lease["id"]), text(lease["name"]), text(lease["kind"]), text(lease["state"]), "\(ready)/\(wanted)",
                text(lease["owner"]), text(lease["start"]), text(lease["end"]), lease["reason"]?.string ?? "")
        }
        return table.text
    }

    static func lease(_ lease: JSON) -> String {
        var lines = ["\(text(lease["name"]))  \(text(lease["id"]))"]
        func line(_ label: String, _ value: String?) {
            guard let value, !value.isEmpty, value != "-" else { return }
            lines.append("  \(label.padded(to: 10))  \(value)")
        }
        line("state", text(lease["state"]) + (lease["reason"]?.string.map { ": \($0)" } ?? ""))
        line("kind", text(lease["kind"]) + traits(lease))
        line("owner", text(lease["owner"]) + (lease["project"] == lease["owner"] ? "" : " (project \(text(lease["project"])))"))
        if let start = lease["start"]?.string { line("start", "\(start) (\(LeaseTimes.distance(to: start)))") }
        if let end = lease["end"]?.string {
            line("end", "\(end) (\(LeaseTimes.distance(to: end)))")
        } else {
            line("end", "until cancelled")
        }
        for group in lease["groups"]?.array ?? [] {
            let size = group["flavor"]?.string ?? "\(group["cpus"]?.text ?? "?") cpus, \(group["memory_mib"]?.text ?? "?") MiB"
            let image = group["image"]?.string.map { ", image \($0)" } ?? ""
            line("group", "\(text(group["name"])): \(group["count"]?.text ?? "1") × \(size)\(image)")
        }
        let machines = lease["machines"]?.array ?? []
        if !machines.isEmpty { lines += ["", Self.machines(machines, inLease: true)] }
        return lines.joined(separator: "\n")
    }

    private static func traits(_ lease: JSON) -> String {
        let words =
            ["persistent", "preemptible"].filter { lease[$0]?.bool == true } + (lease["atomic"]?.bool == false ? ["not atomic"] : [])
        return words.isEmpty ? "" : " (\(words.joined(separator: ", ")))"
    }

    static func machines(_ machines: [JSON], inLease: Bool = false) -> String {
        var table =
            inLease
            ? Table("MACHINE", "GROUP", "STATE", "OBSERVED", "PROVIDER", "NODE", "ADDRESSES", "MESSAGE")
            : Table("MACHINE", "LEASE", "NAME", "STATE", "OBSERVED", "PROVIDER", "NODE", "ADDRESSES", "MESSAGE")
        for machine in machines {
            let addresses = (machine["addresses"]?.array ?? []).compactMap(\.string).joined(separator: ",")
            let first =
                inLease
                ? [text(machine["id"]), text(machine["group"])] : [text(machine["id"]), text(machine["lease"]), text(machine["name"])]
            table.rows.append(
                first + [
                    text(machine["state"]), text(machine["observed"]), text(machine["provider"]), text(machine["node"]),
                    addresses.isEmpty ? "-" : addresses, machine["message"]?.string ?? "",
                ])
        }
        return table.text
    }

    /// Why not: what each node lacks, who holds it until when, and when it would be possible.
    static func refusal(_ body: JSON) -> String {
        var lines: [String] = []
        if let explanation = body["explanation"] { lines.append(Self.explanation(explanation)) }
        for offer in body["offers"]?.array ?? [] {
            let start = text(offer["start"])
            switch offer["change"]?.string {
            case "shorter": lines.append("  possible: at \(start) for \(LeaseTimes.span(Int64(offer["duration_s"]?.int ?? 0)))")
            case "fewer": lines.append("  possible: at \(start) with \(offer["machines"]?.text ?? "fewer") machines")
            default: lines.append("  possible: at \(start)")
            }
        }
        if let earliest = body["earliest"]?.string { lines.append("  earliest: \(earliest) (\(LeaseTimes.distance(to: earliest)))") }
        return lines.filter { !$0.isEmpty }.joined(separator: "\n")
    }

    static func explanation(_ explanation: JSON) -> String {
        var lines: [String] = []
        if let quota = explanation["quota"]?.string { lines.append("quota: \(quota)") }
        let nodes = explanation["nodes"]?.array ?? []
        guard !nodes.isEmpty else { return lines.joined(separator: "\n") }
        var table = Table("NODE", "FITS", "OBSTACLE", "HELD BY")
        for node in nodes {
            let holders = (node["holders"]?.array ?? []).map { holder in
                "\(holder["lease"]?.string?.prefix(10) ?? "others") until \(holder["until"]?.string ?? "cancelled")"
            }
            table.add(
                "\(text(node["provider"]))/\(text(node["node"]))", node["fits"]?.text ?? "0", node["obstacle"]?.string ?? "none",
                holders.joined(separator: ", "))
        }
        lines.append(table.text)
        return lines.joined(separator: "\n")
    }

    static func text(_ value: JSON?) -> String {
        switch value {
        case nil, .null: "-"
        case .string(let text): text.isEmpty ? "-" : text
        case let value?: value.text
        }
    }
}
