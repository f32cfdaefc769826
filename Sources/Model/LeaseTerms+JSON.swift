public import JSON

extension LeaseTerms {
    private static let longest = 100 * 366 * 86_400
    private static let mostGroups = 64

    /// Reads the terms out of a request or a document. Contradictions are `invalid` with the field's name; what depends on the moment (a
    /// start in the past) or on the configuration (a flavor's name) is the Scheduler's to judge.
    public init(_ fields: inout Fields) throws(BerthError) {
        guard let array = try fields.array("groups", atMost: LeaseTerms.mostGroups), !array.isEmpty else {
            throw fields.failure("groups", "is missing: a lease has at least one group of machines")
        }
        var groups: [Group] = []
        for (index, value) in array.enumerated() {
            var inner = try Fields(value, path: fields.full("groups[\(index)]"))
            groups.append(try Group(&inner, defaultName: array.count == 1 ? "main" : "group-\(index + 1)"))
            try inner.finish()
        }
        self.init(kind: try fields.word("kind") ?? .immediate, groups: groups)
        name = try fields.string("name")
        template = try fields.string("template")
        try readTimes(&fields)
        atomic = try fields.bool("atomic") ?? true
        persistent = try fields.bool("persistent") ?? false
        preemptible = try fields.bool("preemptible") ?? (kind == .bestEffort)
        priority = try fields.int("priority", in: -1_000_000...1_000_000) ?? 0
        elastic = try LeaseTerms.elastic(&fields)
        location = try LeaseTerms.location(&fields)
        onEnd = try fields.word("on_end") ?? .destroy
        onPreempt = try fields.word("on_preempt") ?? .suspend
        tags = try fields.dictionary("tags") ?? [:]
        try check(fields)
    }

    private mutating func readTimes(_ fields: inout Fields) throws(BerthError) {
        start = try fields.instant("start")
        duration = try fields.int("duration_s", in: 1...LeaseTerms.longest)
        deadline = try fields.instant("deadline")
        validFrom = try fields.instant("valid_from")
        validUntil = try fields.instant("valid_until")
    }

    /// `{"min":1,"max":4,"reserve":false}`.
    static func elastic(_ fields: inout Fields) throws(BerthError) -> Elastic? {
        guard var inner = try fields.fields("elastic") else { return nil }
        let min = try inner.int("min", in: 1...Group.mostMachines) ?? 1
        guard let max = try inner.int("max", in: 1...Group.mostMachines) else { throw inner.failure("max", "is missing") }
        guard min <= max else { throw inner.failure("max", "must not be less than min") }
        let reserve = try inner.bool("reserve") ?? false
        try inner.finish()
        return Elastic(min: min, max: max, reserve: reserve)
    }

    static func location(_ fields: inout Fields) throws(BerthError) -> Location {
        guard let value = fields.value("where") else { return .local }
        switch value {
        case "local": return .local
        case "anywhere": return .anywhere
        case .string(let name): return .members([name])
        default:
            guard let names = try fields.strings("where"), !names.isEmpty else {
                throw fields.failure("where", "must be local, anywhere, or names of members")
            }
            return .members(names)
        }
    }

    /// What must hold between the fields.
    public func check(_ fields: Fields) throws(BerthError) {
        switch kind {
        case .immediate, .bestEffort:
            if start != nil { throw fields.failure("start", "is for kind advance; this lease is \(kind.rawValue)") }
        case .advance:
            if start == nil { throw fields.failure("start", "is missing: a lease of kind advance starts at a time") }
            if duration == nil {
                throw fields.failure("duration_s", "is missing: only immediate and best-effort leases may go on until cancelled")
            }
        case .deadline:
            if deadline == nil { throw fields.failure("deadline", "is missing: a lease of kind deadline ends by a time") }
            if duration == nil {
                throw fields.failure("duration_s", "is missing: only immediate and best-effort leases may go on until cancelled")
            }
        }
        if kind != .deadline, deadline != nil { throw fields.failure("deadline", "is for kind deadline; this lease is \(kind.rawValue)") }
        if kind == .deadline, let start, let deadline, let duration, deadline - start < Int64(duration) * 1000 {
            throw fields.failure("deadline", "is less than duration_s after start")
        }
        if let validFrom, let validUntil, validUntil <= validFrom { throw fields.failure("valid_until", "must be after valid_from") }
        if let elastic {
            guard groups.count == 1 else { throw fields.failure("elastic", "is for a lease with one group") }
            guard (elastic.min...elastic.max).contains(groups[0].count) else {
                throw fields.failure("elastic", "must hold the group's count, \(groups[0].count)")
            }
        }
        if Set(groups.map { $0.name }).count != groups.count { throw fields.failure("groups", "must have different names") }
        if machineCount > Group.mostMachines {
            throw fields.failure("groups", "ask for \(machineCount) machines, more than \(Group.mostMachines)")
        }
    }

    /// The terms as a request would give them, defaults included; the field `start` is the asked one.
    public func write(to json: inout JSON) {
        json["groups"] = .array(groups.map { $0.json })
        json["duration_s"] = JSON(duration)
        json["deadline"] = JSON(deadline?.description)
        json["valid_from"] = JSON(validFrom?.description)
        json["valid_until"] = JSON(validUntil?.description)
        json["atomic"] = JSON(atomic)
        json["persistent"] = JSON(persistent)
        json["preemptible"] = JSON(preemptible)
        json["priority"] = JSON(priority)
        json["elastic"] = elastic?.json ?? .null
        json["where"] = location.json
        json["on_end"] = JSON(onEnd.rawValue)
        json["on_preempt"] = JSON(onPreempt.rawValue)
        json["template"] = JSON(template)
        json["tags"] = tags.json
    }

    /// The terms without what is the default anyway: for the ledger, and for a template that `lease.save` makes. Reads back the same.
    public var document: JSON {
        var json: JSON = ["groups": .array(groups.map { $0.document })]
        if let name { json["name"] = JSON(name) }
        if kind != .immediate { json["kind"] = JSON(kind.rawValue) }
        if let template { json["template"] = JSON(template) }
        if let start { json["start"] = JSON(start.description) }
        if let duration { json["duration_s"] = JSON(duration) }
        if let deadline { json["deadline"] = JSON(deadline.description) }
        if let validFrom { json["valid_from"] = JSON(validFrom.description) }
        if let validUntil { json["valid_until"] = JSON(validUntil.description) }
        if !atomic { json["atomic"] = false }
        if persistent { json["persistent"] = true }
        if preemptible != (kind == .bestEffort) { json["preemptible"] = JSON(preemptible) }
        if priority != 0 { json["priority"] = JSON(priority) }
        if let elastic { json["elastic"] = elastic.json }
        if location != .local { json["where"] = location.json }
        if onEnd != .destroy { json["on_end"] = JSON(onEnd.rawValue) }
        if onPreempt != .suspend { json["on_preempt"] = JSON(onPreempt.rawValue) }
        if !tags.isEmpty { json["tags"] = tags.json }
        return json
    }
}

extension [String: String] {
    /// An object with its fields in the order of their names.
    var json: JSON {
        .object(JSON.Object(fields: sorted { $0.key < $1.key }.map { JSON.Object.Field(name: $0.key, value: JSON($0.value)) }))
    }
}
