public import JSON

/// Some machines of a lease that are alike.
public struct Group: Sendable, Equatable {
    public var name: String
    public var count: Int
    /// A flavor's name; nil where the size is given itself.
    public var flavor: String?
    public var size: Size?
    public var image: String?
    /// What the nodes must be like.
    public var requirements: Requirement?
    public var placement: Placement?
    public var ready: Readiness = .running
    public var readyTimeout: Int = 300
    public var userData: String?
    public var publicKeys: [String] = []
    public var networks: [String] = []

    public enum Placement: String, Sendable, Hashable, CaseIterable { case spread, pack }

    public init(name: String, count: Int, flavor: String? = nil, size: Size? = nil, image: String? = nil) {
        self.name = name
        self.count = count
        self.flavor = flavor
        self.size = size
        self.image = image
    }

    static let mostMachines = 10_000

    public init(_ fields: inout Fields, defaultName: String) throws(BerthError) {
        name = try fields.string("name", atMost: 63) ?? defaultName
        guard !name.isEmpty else { throw fields.failure("name", "must not be empty") }
        count = try fields.int("count", in: 1...Group.mostMachines) ?? 1
        flavor = try fields.string("flavor")
        size = try Size(&fields)
        if flavor != nil, size != nil { throw fields.failure("flavor", "and cpus, memory_mib or disk_gib exclude each other") }
        if flavor == nil, size == nil { throw fields.failure("flavor", "is missing: name a flavor, or give cpus and memory_mib") }
        image = try fields.string("image")
        if let text = try fields.string("requirements", atMost: 4096) {
            do throws(BerthError) {
                requirements = try Requirement(parsing: text)
            } catch {
                throw fields.failure("requirements", error.message, hint: error.hint)
            }
        }
        placement = try fields.word("placement")
        for word in Placement.allCases where try fields.bool(word.rawValue) == true {
            guard placement == nil || placement == word else { throw fields.failure(word.rawValue, "contradicts the placement") }
            placement = word
        }
        if let text = try fields.string("ready") {
            guard let ready = Readiness(text) else {
                throw fields.failure("ready", "must be running, address, tcp:PORT or agent, not '\(text)'")
            }
            self.ready = ready
        }
        readyTimeout = try fields.int("ready_timeout_s", in: 1...86_400) ?? 300
        userData = try fields.string("user_data", atMost: 1 << 20)
        publicKeys = try fields.strings("public_keys", each: 16_384) ?? []
        networks = try fields.strings("networks") ?? []
    }

    /// The fields of a request, defaults included.
    public var json: JSON {
        var json: JSON = ["name": JSON(name), "count": JSON(count)]
        if let flavor { json["flavor"] = JSON(flavor) }
        size?.write(to: &json)
        json["image"] = JSON(image)
        json["requirements"] = JSON(requirements?.text)
        if let placement { json["placement"] = JSON(placement.rawValue) }
        json["ready"] = JSON(ready.description)
        json["ready_timeout_s"] = JSON(readyTimeout)
        if let userData { json["user_data"] = JSON(userData) }
        if !publicKeys.isEmpty { json["public_keys"] = JSON(publicKeys) }
        if !networks.isEmpty { json["networks"] = JSON(networks) }
        return json
    }

    /// The same without what is the default anyway: for the ledger.
    var document: JSON {
        var json: JSON = ["name": JSON(name)]
        if count != 1 { json["count"] = JSON(count) }
        if let flavor { json["flavor"] = JSON(flavor) }
        size?.write(to: &json)
        if let image { json["image"] = JSON(image) }
        if let requirements { json["requirements"] = JSON(requirements.text) }
        if let placement { json["placement"] = JSON(placement.rawValue) }
        if ready != .running { json["ready"] = JSON(ready.description) }
        if readyTimeout != 300 { json["ready_timeout_s"] = JSON(readyTimeout) }
        if let userData { json["user_data"] = JSON(userData) }
        if !publicKeys.isEmpty { json["public_keys"] = JSON(publicKeys) }
        if !networks.isEmpty { json["networks"] = JSON(networks) }
        return json
    }
}

/// When a machine counts as fulfilled.
public enum Readiness: Sendable, Hashable, CustomStringConvertible {
    /// The driver says that it runs.
    case running
    /// It has an address.
    case address
    /// Something accepts connections at the port of its first address.
    case tcp(Int)
    /// The agent inside it answers.
    case agent

    public init?(_ text: String) {
        switch text {
        case "running": self = .running
        case "address": self = .address
        case "agent": self = .agent
        default:
            guard text.hasPrefix("tcp:"), let port = Int(text.dropFirst(4)), (1...65535).contains(port) else { return nil }
            self = .tcp(port)
        }
    }

    public var description: String {
        switch self {
        case .running: "running"
        case .address: "address"
        case .tcp(let port): "tcp:\(port)"
        case .agent: "agent"
        }
    }
}
