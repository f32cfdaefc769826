public import JSON
import Model

/// A lease that we hold for a member, as the machine that the member's Scheduler takes it for.
public enum LentMachine {
    /// Tags of such a lease.
    public enum Tag {
        public static let member = "federation.member"
        public static let machine = "federation.machine"
        public static let lease = "federation.lease"
        public static let owner = "federation.owner"
        public static let node = "federation.node"
    }

    /// The body of `lease.create` for a machine of a member. The lease's name is the machine's key, by which it is found again for ever.
    public static func request(key: String, spec: JSON, seconds: Int?, member: String) -> JSON {
        var group: JSON = ["name": "main", "count": 1]
        for name in ["cpus", "memory_mib", "disk_gib", "image", "networks", "user_data", "public_keys"] {
            if let value = spec[name], !value.isNull { group[name] = value }
        }
        if let arch = spec["arch"]?.string { group["requirements"] = JSON("arch == \"\(arch)\"") }
        var tags = JSON.Object()
        for field in spec["tags"]?.object?.fields ?? [] where !field.name.hasPrefix("berth.") && tags.count < 48 {
            tags[field.name] = field.value
        }
        tags[Tag.member] = JSON(member)
        tags[Tag.machine] = spec["name"] ?? .null
        tags[Tag.lease] = spec["tags"]?["berth.lease"]
        tags[Tag.owner] = spec["tags"]?["berth.owner"]
        tags[Tag.node] = spec["node"]
        tags = JSON.Object(fields: tags.fields.filter { $0.value.string != nil })
        var body: JSON = ["name": JSON(key), "kind": "immediate", "groups": [group], "where": "local", "tags": .object(tags)]
        if let seconds { body["duration_s"] = JSON(max(1, seconds)) }
        return body
    }

    /// The machine's document.
    public static func document(_ lease: JSON) -> JSON {
        let machine = (lease["machines"]?.array ?? []).last { $0["ordinal"]?.int ?? 0 == 0 } ?? .null
        let tags = lease["tags"] ?? .null
        var json: JSON = ["id": lease["id"] ?? .null, "key": lease["name"] ?? .null, "state": JSON(state(lease, machine))]
        json["name"] = tags[Tag.machine]
        json["node"] = tags[Tag.node]
        for name in ["cpus", "memory_mib", "disk_gib"] { json[name] = lease["groups"]?[0]?[name] ?? machine[name] }
        json["addresses"] = machine["addresses"] ?? []
        json["created"] = lease["created"]
        let words = [lease["reason"]?.string, machine["message"]?.string].compactMap { $0 }
        if !words.isEmpty { json["message"] = JSON(words.joined(separator: "; ")) }
        return json
    }

    private static func state(_ lease: JSON, _ machine: JSON) -> String {
        let observed = machine["observed"]?.string ?? "unknown"
        switch lease["state"]?.string {
        case "failed", "rejected": return "error"
        case "done", "cancelled": return "gone"
        case "queued", "scheduled": return "building"
        // Ready or not is the lender's to say: its lease has become active then.
        case "preparing": return ["running", "unknown"].contains(observed) ? "building" : observed
        default: return observed
        }
    }

    /// What the machine takes, by its lease.
    static func takes(_ lease: JSON) -> Resources {
        let group = lease["groups"]?[0] ?? .null
        var takes = Resources([
            "cpus": group["cpus"] ?? .null, "memory_mib": group["memory_mib"] ?? .null, "disk_gib": group["disk_gib"] ?? .null,
        ])
        takes.machines = 1
        return takes
    }
}
