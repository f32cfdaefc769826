import Bus
public import Model

/// What `[federation]` and the `[member NAME]` sections say.
public struct FederationSettings: Sendable {
    /// What the others call this host.
    public var name: String
    /// Where they reach it, `tcp://HOST:PORT`; nil: it can borrow and not lend.
    public var address: String?
    /// Whether the others may say to it that they are alive, and ask it who is.
    public var isRendezvous = false
    /// Milliseconds from one sign of life to the next. Who misses three counts as gone.
    public var period: Int64 = 10_000
    /// Milliseconds after which a lent machine is taken back unless its holder renews.
    public var ttl: Int64 = 300_000
    public var picker = Picker.Policy.mostFree
    /// How much is lent at most, to all members together.
    public var offer = Limit()
    /// The only members that may borrow and say that they are alive; nil: all that are known.
    public var allowed: Set<String>?
    /// The members of the configuration. Those that `berth members accept` brought lie in the state directory.
    public var members: [MemberSettings] = []
    public var stateDirectory: String
    public var keysDirectory: String

    public init(name: String, stateDirectory: String, keysDirectory: String) {
        self.name = name
        self.stateDirectory = stateDirectory
        self.keysDirectory = keysDirectory
    }
}

/// What this host knows and allows of one member.
public struct MemberSettings: Sendable, Equatable {
    public var name: String
    /// Its public key in Z85: who has the secret half is this member.
    public var key: String
    /// Where it is reached; nil: a rendezvous tells.
    public var address: String?
    public var isRendezvous = false
    /// Whether it may borrow here.
    public var mayBorrow = true
    /// How much is lent to it at most.
    public var offer = Limit()
    /// How much is borrowed from it at most.
    public var accept = Limit()
    /// In the place of the federation's.
    public var ttl: Int64?
    /// From the configuration: `berth members remove` cannot take it out.
    public var isConfigured = false

    /// A name is part of accounts, topics and files, and must not be a word of `where`.
    public static func isName(_ name: String) -> Bool { AllowedKey.isName(name) && name != "local" && name != "anywhere" }

    public init(name: String, key: String, address: String? = nil) {
        self.name = name
        self.key = key
        self.address = address
    }
}

/// At most so much of what is counted; what is absent is not limited.
public struct Limit: Sendable, Equatable {
    public var most: Resources

    public init(_ most: Resources = Resources(milliCPUs: .max, memoryMiB: .max, diskGiB: .max, machines: .max)) {
        self.most = most
    }

    /// By the names of the configuration: `cpus`, `memory-mib`, `disk-gib`, `machines`; nil for any other name.
    public init?(_ amounts: [(String, Double)]) {
        self.init()
        for (name, value) in amounts {
            let whole = Int64(min(max(value, 0), Double(Resources.unlimited)))
            switch name {
            case "cpus": most.milliCPUs = Resources.milli(value)
            case "memory-mib": most.memoryMiB = whole
            case "disk-gib": most.diskGiB = whole
            case "machines": most.machines = whole
            default: return nil
            }
        }
    }

    public static let names = ["cpus", "memory-mib", "disk-gib", "machines"]

    /// What is left of it when so much is held.
    func left(of held: Resources) -> Resources {
        func rest(_ most: Int64, _ held: Int64) -> Int64 { most == .max ? .max : max(0, most - held) }
        return Resources(
            milliCPUs: rest(most.milliCPUs, held.milliCPUs), memoryMiB: rest(most.memoryMiB, held.memoryMiB),
            diskGiB: rest(most.diskGiB, held.diskGiB), machines: rest(most.machines, held.machines))
    }
}

extension Resources {
    /// Of each the smaller. Named resources are not lent.
    func smaller(_ other: Resources) -> Resources {
        Resources(
            milliCPUs: min(milliCPUs, other.milliCPUs), memoryMiB: min(memoryMiB, other.memoryMiB), diskGiB: min(diskGiB, other.diskGiB),
            machines: min(machines, other.machines))
    }

    /// What is left of a bound; what is not bounded stays so.
    func minusBounded(_ other: Resources) -> Resources {
        func rest(_ left: Int64, _ right: Int64) -> Int64 { left >= Resources.unlimited ? left : max(0, left - right) }
        return Resources(
            milliCPUs: rest(milliCPUs, other.milliCPUs), memoryMiB: rest(memoryMiB, other.memoryMiB), diskGiB: rest(diskGiB, other.diskGiB),
            machines: rest(machines, other.machines))
    }
}
