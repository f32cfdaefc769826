public import Model

/// What the planner knows of a provider: how dear it is, and what it can do with machines that must make room.
///
/// A member of a federation is a provider like another, with `member` set.
public struct Provider: Sendable, Hashable {
    public var name: String
    /// The driver's name, for requirements.
    public var plugin: String
    /// The federation member that the machines would run at; nil: here.
    public var member: String?
    /// Providers of a lower rank are filled first. Here first, then the members, unless you say otherwise.
    public var rank: Int
    public var tariff: Tariff
    /// Whether machines can be suspended, and how long that takes; nil: they cannot.
    public var suspend: SuspendModel?
    /// How long a machine takes from `create` to ready.
    public var bootMilliseconds: Int64
    /// Whether a machine can move to another node while it runs.
    public var migrates: Bool

    public init(
        name: String, plugin: String = "", member: String? = nil, rank: Int? = nil, tariff: Tariff = .free, suspend: SuspendModel? = nil,
        bootMilliseconds: Int64 = 0, migrates: Bool = false
    ) {
        self.name = name
        self.plugin = plugin
        self.member = member
        self.rank = rank ?? (member == nil ? 0 : 1)
        self.tariff = tariff
        self.suspend = suspend
        self.bootMilliseconds = bootMilliseconds
        self.migrates = migrates
    }
}

/// How long it takes to suspend and resume, and what stays behind meanwhile.
///
/// With disks of their own, the n machines of a lease on one node go one after another: n·e + m/s for their memory m together. On a
/// shared file system all machines of the lease queue for it.
public struct SuspendModel: Sendable, Hashable {
    /// MiB a second written while suspending and read while resuming; 0: takes no time.
    public var rate: Double
    /// Milliseconds for each machine on top.
    public var enactMilliseconds: Int64
    /// All machines of a lease share one store, not only those of a node.
    public var shared: Bool
    /// Whether a suspended machine may resume on another node of its provider.
    public var resumesElsewhere: Bool
    /// Whether a suspended machine keeps its disk on its node, and its memory beside it.
    public var keepsDisk: Bool
    /// MiB a second at which what was suspended moves to another node before it resumes there; 0: takes no time.
    public var moveRate: Double
    /// MiB of image that move with the memory of each machine.
    public var imageMiB: Int64

    public init(
        rate: Double = 50, enactMilliseconds: Int64 = 0, shared: Bool = false, resumesElsewhere: Bool = false, keepsDisk: Bool = true,
        moveRate: Double = 0, imageMiB: Int64 = 0
    ) {
        self.moveRate = moveRate
        self.imageMiB = imageMiB
        self.rate = rate
        self.enactMilliseconds = enactMilliseconds
        self.shared = shared
        self.resumesElsewhere = resumesElsewhere
        self.keepsDisk = keepsDisk
    }

    /// Takes no time, resumes anywhere, leaves nothing behind: the ideal of the published experiment.
    public static let ideal = SuspendModel(rate: 0, resumesElsewhere: true, keepsDisk: false)

    /// Time for `machines` machines with `memoryMiB` MiB together that queue for the same disk.
    public func milliseconds(machines: Int, memoryMiB: Int64) -> Int64 {
        let transfer = rate > 0 ? Int64((Double(memoryMiB) / rate * 1000).rounded(.up)) : 0
        return Int64(machines) * enactMilliseconds + transfer
    }

    /// Time to bring `machines` machines with `memoryMiB` MiB together to another node before they resume there.
    public func moveMilliseconds(machines: Int, memoryMiB: Int64) -> Int64 {
        guard moveRate > 0 else { return 0 }
        return Int64((Double(memoryMiB + Int64(machines) * imageMiB) / moveRate * 1000).rounded(.up))
    }
}

/// What an hour costs: a base price, and other prices at other times of the day (UTC).
public struct Tariff: Sendable, Hashable {
    public struct Span: Sendable, Hashable {
        /// Minutes since midnight UTC; `to` before `from` runs over midnight.
        public var from: Int
        public var to: Int
        public var factor: Double

        public init(from: Int, to: Int, factor: Double) {
            self.from = from
            self.to = to
            self.factor = factor
        }
    }

    public var perCPUHour: Double
    public var perGiBHour: Double
    public var spans: [Span]

    public init(perCPUHour: Double = 0, perGiBHour: Double = 0, spans: [Span] = []) {
        self.perCPUHour = perCPUHour
        self.perGiBHour = perGiBHour
        self.spans = spans
    }

    public static let free = Tariff()

    public var isFree: Bool { perCPUHour == 0 && perGiBHour == 0 }
}

/// A node by its names.
public struct NodeID: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var provider: String
    public var node: String

    public init(_ provider: String, _ node: String) {
        self.provider = provider
        self.node = node
    }

    public var description: String { "\(provider)/\(node)" }

    public static func < (left: NodeID, right: NodeID) -> Bool {
        left.provider != right.provider ? left.provider < right.provider : left.node < right.node
    }
}

/// One place with a capacity of its own, as the driver's capacity document tells it.
public struct Node: Sendable, Hashable {
    public enum State: String, Sendable, Hashable {
        /// Takes machines.
        case up
        /// Keeps what it has, takes nothing new.
        case draining
        /// Out of reach for now: what runs there counts as running, nothing new is placed.
        case down
    }

    public var id: NodeID
    /// Everything it has, overcommit already applied. Use `Resources.unlimited` for what is not counted.
    public var total: Resources
    /// What others than this planner's leases use (`used` of the capacity document less our machines): never planned with.
    public var foreign: Resources
    public var state: State
    public var tags: [String: String]
    public var arch: String?
    public var cpuVendor: String?
    public var cpuMHz: Int?
    /// Multiplies the provider's tariff; 1 is the provider's own price.
    public var priceFactor: Double

    public init(
        _ id: NodeID, total: Resources, foreign: Resources = .zero, state: State = .up, tags: [String: String] = [:], arch: String? = nil,
        cpuVendor: String? = nil, cpuMHz: Int? = nil, priceFactor: Double = 1
    ) {
        self.id = id
        self.total = total
        self.foreign = foreign
        self.state = state
        self.tags = tags
        self.arch = arch
        self.cpuVendor = cpuVendor
        self.cpuMHz = cpuMHz
        self.priceFactor = priceFactor
    }
}
