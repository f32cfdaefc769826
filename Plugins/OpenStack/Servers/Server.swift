import JSON
import PluginKit

/// A server as Nova describes it, and the machine that it is to the host.
struct Server {
    var json: JSON

    var id: String { json["id"]?.string ?? "" }
    var name: String { json["name"]?.string ?? "" }
    var status: String { json["status"]?.string ?? "UNKNOWN" }
    var taskState: String? { json["OS-EXT-STS:task_state"]?.string }
    var metadata: JSON { json["metadata"] ?? [:] }
    var created: String { json["created"]?.string ?? "" }

    /// The metadata that say that a server is ours.
    enum Mark {
        static let key = "berth_key"
        /// Ids of floating addresses, separated by commas, that go with the server.
        static let addresses = "berth_addresses"
        /// The name of a key pair that goes with the server.
        static let keyPair = "berth_keypair"
    }

    var key: String? { metadata[Mark.key]?.string }

    var state: MachineState {
        switch status {
        case "BUILD": .building
        case "ACTIVE", "REBOOT", "HARD_REBOOT", "PASSWORD", "RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE", "MIGRATING", "REBUILD": .running
        case "PAUSED": .paused
        case "SUSPENDED": .suspended
        case "SHUTOFF", "SHELVED", "SHELVED_OFFLOADED", "RESCUE": .stopped
        case "ERROR": .error
        case "DELETED", "SOFT_DELETED": .gone
        default: .unknown
        }
    }

    /// Why the server is in ERROR, in the cloud's words.
    var fault: (code: Int, words: String)? {
        guard let fault = json["fault"] else { return nil }
        let words = fault["message"]?.string ?? "no reason given"
        return (fault["code"]?.int ?? 500, words.split(separator: "\n").first.map(String.init) ?? words)
    }

    var addresses: [String] {
        let networks = json["addresses"]?.object?.fields ?? []
        return networks.flatMap { $0.value.array ?? [] }.compactMap { $0["addr"]?.string }
    }

    /// What changes when the host is to be told.
    var appearance: String { "\(status) \(addresses)" }

    /// The machine document. `flavor` fills in the size where Nova (before 2.47) gives the flavor's id alone.
    func machine(flavor: (String) -> Flavor? = { _ in nil }) -> Machine {
        let size = json["flavor"].flatMap { Flavor(embedded: $0) } ?? json["flavor"]?["id"]?.string.flatMap(flavor)
        return Machine(
            id: id, state: state, name: name, key: key, cpus: size.map { Double($0.cpus) }, memoryMiB: size?.memoryMiB,
            diskGiB: size?.diskGiB, node: json["OS-EXT-AZ:availability_zone"]?.string.flatMap { $0.isEmpty ? nil : $0 },
            image: json["image"]?["id"]?.string, addresses: addresses, created: CloudTime.rfc3339(created),
            message: fault?.words, native: native)
    }

    private var native: JSON {
        var native: JSON = ["status": .string(status)]
        if let taskState { native["task_state"] = .string(taskState) }
        if let flavor = json["flavor"]?["original_name"]?.string { native["flavor"] = .string(flavor) }
        if let host = json["hostId"]?.string, !host.isEmpty { native["host_id"] = .string(host) }
        return native
    }
}

/// One of the cloud's own sizes.
struct Flavor: Sendable {
    var id: String
    var name: String
    var cpus: Int
    var memoryMiB: Int
    var diskGiB: Int

    init?(_ json: JSON) {
        guard let id = json["id"]?.string, let name = json["name"]?.string, let cpus = json["vcpus"]?.int, let memory = json["ram"]?.int
        else { return nil }
        self.init(id: id, name: name, cpus: cpus, memoryMiB: memory, diskGiB: json["disk"]?.int ?? 0)
    }

    /// As a server carries it from microversion 2.47 on: without its id.
    init?(embedded json: JSON) {
        guard let cpus = json["vcpus"]?.int, let memory = json["ram"]?.int else { return nil }
        self.init(id: "", name: json["original_name"]?.string ?? "", cpus: cpus, memoryMiB: memory, diskGiB: json["disk"]?.int ?? 0)
    }

    init(id: String, name: String, cpus: Int, memoryMiB: Int, diskGiB: Int) {
        self.id = id
        self.name = name
        self.cpus = cpus
        self.memoryMiB = memoryMiB
        self.diskGiB = diskGiB
    }

    /// `m1.small (1 cpu, 2048 MiB, 20 GiB)`
    var description: String { "\(name) (\(cpus) cpu, \(memoryMiB) MiB, \(diskGiB) GiB)" }
}
