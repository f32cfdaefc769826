import Model

/// Pages of leases, machines and events. A page is found in the indexes first and its rows are read afterwards, so that it costs the same
/// however many rows there are.
extension Connection {
    func lease(_ id: LeaseID) throws(SQLiteError) -> StoredLease? {
        let row = try statement("SELECT \(Connection.leaseColumns) FROM leases WHERE id = ?1").bind(1, id.uuid)
        defer { row.reset() }
        guard try row.step() else { return nil }
        return StoredLease(lease: try Connection.lease(row), machines: try machines(of: id))
    }

    func machines(of lease: LeaseID) throws(SQLiteError) -> [Machine] {
        let row = try statement("SELECT \(Connection.machineColumns) FROM machines WHERE lease = ?1 ORDER BY n").bind(1, lease.uuid)
        defer { row.reset() }
        var machines: [Machine] = []
        while try row.step() { machines.append(try Connection.machine(row)) }
        return machines
    }

    func machine(_ id: MachineID) throws(SQLiteError) -> Machine? {
        let row = try statement("SELECT \(Connection.machineColumns) FROM machines WHERE key = ?1").bind(1, id.key)
        defer { row.reset() }
        return try row.step() ? try Connection.machine(row) : nil
    }

    func leases(_ query: LeaseQuery) throws(SQLiteError) -> Page<StoredLease> {
        let after = try number(of: query.after?.uuid, "SELECT n FROM leases WHERE id = ?1")
        var numbers: [Int64] = []
        var filters: [(String, String)] = query.owner.map { [("owner", $0)] } ?? []
        if let name = query.name { filters.append(("name", name)) }
        if query.states == nil, query.owner == nil {
            numbers = try page("leases", filters, after, query.limit)
        } else {
            for state in query.states ?? Set(LeaseState.allCases) {
                numbers += try page("leases", filters + [("state", state.rawValue)], after, query.limit)
            }
        }
        return try rows(numbers, query.limit) { number throws(SQLiteError) in
            let row = try statement("SELECT \(Connection.leaseColumns) FROM leases WHERE n = ?1").bind(1, number)
            defer { row.reset() }
            guard try row.step() else { return nil }
            let lease = try Connection.lease(row)
            return (StoredLease(lease: lease, machines: try machines(of: lease.id)), lease.id.description)
        }
    }

    func machines(_ query: MachineQuery) throws(SQLiteError) -> Page<Machine> {
        let after = try number(of: query.after?.key, "SELECT n FROM machines WHERE key = ?1")
        var filters: [(String, String)] = query.provider.map { [("provider", $0)] } ?? []
        var numbers: [Int64] = []
        if query.owner != nil || query.lease != nil {
            numbers = try machineNumbers(query, after)
        } else if let states = query.states {
            filters.append(("state", ""))
            for state in states {
                filters[filters.count - 1].1 = state.rawValue
                numbers += try page("machines", filters, after, query.limit)
            }
        } else {
            numbers = try page("machines", filters, after, query.limit)
        }
        return try rows(numbers, query.limit) { number throws(SQLiteError) in
            let row = try statement("SELECT \(Connection.machineColumns) FROM machines WHERE n = ?1").bind(1, number)
            defer { row.reset() }
            guard try row.step() else { return nil }
            let machine = try Connection.machine(row)
            return (machine, machine.id.description)
        }
    }

    /// The machines of one lease or one owner: by way of the leases.
    private func machineNumbers(_ query: MachineQuery, _ after: Int64) throws(SQLiteError) -> [Int64] {
        let states = query.states.map { " AND m.state IN (\(Connection.words($0.sorted { $0.rawValue < $1.rawValue })))" } ?? ""
        let row = try statement(
            """
            SELECT m.n FROM leases l CROSS JOIN machines m ON m.lease = l.id
            WHERE \(query.lease == nil ? "l.owner = ?1" : "l.id = ?3 AND (?1 IS NULL OR l.owner = ?1)")
                AND m.n > ?2 AND (?4 IS NULL OR m.provider = ?4)\(states)
            ORDER BY m.n LIMIT ?5
            """
        ).bind(1, query.owner).bind(2, after).bind(4, query.provider).bind(5, Int64(query.limit) + 1)
        if let lease = query.lease { row.bind(3, lease.uuid) }
        return try numbers(row)
    }

    /// The next numbers after one in a table, with columns that must have a value.
    private func page(_ table: String, _ filters: [(String, String)], _ after: Int64, _ limit: Int) throws(SQLiteError) -> [Int64] {
        let conditions = filters.indices.map { " AND \(filters[$0].0) = ?\($0 + 3)" }.joined()
        let row = try statement("SELECT n FROM \(table) WHERE n > ?1\(conditions) ORDER BY n LIMIT ?2")
            .bind(1, after).bind(2, Int64(limit) + 1)
        for index in filters.indices { row.bind(Int32(index + 3), filters[index].1) }
        return try numbers(row)
    }

    private func numbers(_ row: Statement) throws(SQLiteError) -> [Int64] {
        defer { row.reset() }
        var numbers: [Int64] = []
        while try row.step() { numbers.append(row.int(0)) }
        return numbers
    }

    /// Where a page starts: behind the row with this id; an id that is not there starts at the beginning.
    private func number(of id: UUID128?, _ sql: String) throws(SQLiteError) -> Int64 {
        guard let id else { return 0 }
        let row = try statement(sql).bind(1, id)
        defer { row.reset() }
        return try row.step() ? row.int(0) : 0
    }

    private func rows<Value: Sendable>(
        _ numbers: [Int64], _ limit: Int, _ read: (Int64) throws(SQLiteError) -> (Value, String)?
    ) throws(SQLiteError) -> Page<Value> {
        let sorted = numbers.sorted()
        var values: [Value] = []
        var last: String?
        for number in sorted.prefix(max(1, limit)) {
            guard let (value, id) = try read(number) else { continue }
            values.append(value)
            last = id
        }
        return Page(elements: values, next: sorted.count > max(1, limit) ? last : nil)
    }

    /// How many events one call looks at, so that a filter that fits nothing does not read the whole ledger.
    static let eventsAtOnce: Int64 = 10_000

    /// Events after a number, and up to which one was looked.
    func events(_ query: EventQuery) throws(SQLiteError) -> EventPage {
        let row = try statement("SELECT \(Connection.eventColumns) FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")
            .bind(1, query.after).bind(2, Connection.eventsAtOnce)
        defer { row.reset() }
        var page = EventPage(events: [], next: query.after)
        while page.events.count < max(1, query.limit), try row.step() {
            page.next = row.int(0)
            let topic = row.text(2) ?? ""
            guard query.wants(topic: topic, owner: row.text(4)) else { continue }
            page.events.append(try Connection.event(row))
        }
        return page
    }

    func answer(account: String, key: String) throws(SQLiteError) -> AnsweredRequest? {
        let row = try statement("SELECT verb, hash, time, answer FROM answers WHERE account = ?1 AND key = ?2").bind(1, account).bind(
            2, key)
        defer { row.reset() }
        guard try row.step() else { return nil }
        return AnsweredRequest(
            account: account, key: key, verb: row.text(0) ?? "", bodyHash: UInt64(bitPattern: row.int(1)), answer: try row.document(3),
            time: Instant(milliseconds: row.int(2)))
    }
}

extension EventQuery {
    func wants(topic: String, owner: String?) -> Bool {
        (topics.isEmpty || topics.contains { topic.hasPrefix($0) }) && (self.owner == nil || owner == nil || owner == self.owner)
    }
}
