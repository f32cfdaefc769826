import JSON

/// What a lease was promised, as far as its machines do not say it themselves: it must survive a restart.
public struct LeasePlan: Sendable, Equatable {
    /// A place for a machine that is not made yet. Its id is drawn with the promise, so that it can be named before it exists.
    public struct Seat: Sendable, Equatable {
        public var machine: MachineID
        /// The group's place in the terms.
        public var group: Int
        public var ordinal: Int
        /// Nil while it has no room.
        public var provider: String?
        public var node: String?

        public init(machine: MachineID, group: Int, ordinal: Int, provider: String? = nil, node: String? = nil) {
            self.machine = machine
            self.group = group
            self.ordinal = ordinal
            self.provider = provider
            self.node = node
        }
    }

    /// The sizes of the groups as they were when the promise was made: a flavor may change later.
    public var sizes: [Size]
    public var seats: [Seat] = []
    /// When the machines are made: the start, less the time to prepare.
    public var prepare: Instant?
    /// How often it had to make room for others.
    public var preemptions = 0
    /// Milliseconds of its duration that it has run before it was suspended.
    public var ran: Int64 = 0
    /// Suspended on its owner's word, and woken by that alone.
    public var asleep = false
    /// All its machines have been there once: its start was told.
    public var wasActive = false
    /// It could not be made and is tried again (persistent leases): not before this moment.
    public var retry: Instant?

    public init(sizes: [Size] = []) {
        self.sizes = sizes
    }

    /// For the ledger: short, since every lease carries it.
    var document: JSON {
        var json: JSON = [
            "sizes": .array(sizes.map { [JSON($0.milliCPUs), JSON($0.memoryMiB), JSON($0.diskGiB)] })
        ]
        if !seats.isEmpty {
            json["seats"] = .array(
                seats.map {
                    [JSON($0.machine.description), JSON($0.group), JSON($0.ordinal), JSON($0.provider), JSON($0.node)]
                })
        }
        if let prepare { json["prepare"] = JSON(prepare.milliseconds) }
        if preemptions > 0 { json["preemptions"] = JSON(preemptions) }
        if ran > 0 { json["ran"] = JSON(ran) }
        if asleep { json["asleep"] = true }
        if wasActive { json["was_active"] = true }
        if let retry { json["retry"] = JSON(retry.milliseconds) }
        return json
    }

    init(_ document: JSON) {
        sizes = (document["sizes"]?.array ?? []).map { size in
            Size(milliCPUs: size[0]?.int ?? 0, memoryMiB: size[1]?.int ?? 0, diskGiB: size[2]?.int ?? 0)
        }
        seats = (document["seats"]?.array ?? []).compactMap { seat in
            guard let machine = seat[0]?.string.flatMap({ MachineID($0) }), let group = seat[1]?.int, let ordinal = seat[2]?.int else {
                return nil
            }
            return Seat(machine: machine, group: group, ordinal: ordinal, provider: seat[3]?.string, node: seat[4]?.string)
        }
        prepare = document["prepare"]?.int.map { Instant(milliseconds: Int64($0)) }
        preemptions = document["preemptions"]?.int ?? 0
        ran = Int64(document["ran"]?.int ?? 0)
        asleep = document["asleep"]?.bool ?? false
        wasActive = document["was_active"]?.bool ?? false
        retry = document["retry"]?.int.map { Instant(milliseconds: Int64($0)) }
    }
}
