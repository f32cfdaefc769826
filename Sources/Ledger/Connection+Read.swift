import JSON
import Model

/// Rows to values. A row that cannot be read is damage, and says which one.
extension Connection {
    static let leaseColumns = "id, state, owner, document"
    static let machineColumns = "key, lease, state, observed, provider, document"
    static let intentColumns = "id, verb, state, machine, lease, provider, document"
    static let eventColumns = "seq, time, topic, subject, owner, change"

    static func lease(_ row: Statement) throws(SQLiteError) -> Lease {
        let id = LeaseID(uuid: try row.uuid(0))
        guard let state = LeaseState(rawValue: row.text(1) ?? "") else { throw row.damage("lease \(id) has no such state") }
        let document = try row.document(3)
        do throws(BerthError) {
            return try Lease(id: id, state: state, owner: row.text(2) ?? "", document: document)
        } catch {
            throw row.damage("lease \(id): \(error)")
        }
    }

    static func machine(_ row: Statement) throws(SQLiteError) -> Machine {
        let id = MachineID(key: try row.uuid(0))
        guard let state = MachineState(rawValue: row.text(2) ?? ""), let observed = ObservedState(rawValue: row.text(3) ?? "") else {
            throw row.damage("machine \(id) has no such state")
        }
        let lease = LeaseID(uuid: try row.uuid(1))
        let document = try row.document(5)
        do throws(BerthError) {
            return try Machine(id: id, lease: lease, state: state, observed: observed, provider: row.text(4), document: document)
        } catch {
            throw row.damage("machine \(id): \(error)")
        }
    }

    static func intent(_ row: Statement) throws(SQLiteError) -> Intent {
        guard let state = IntentState(rawValue: row.text(2) ?? "") else { throw row.damage("intent \(row.int(0)) has no such state") }
        var intent = Intent(
            id: row.int(0), verb: Intent.Verb(row.text(1) ?? ""), machine: MachineID(key: try row.uuid(3)),
            lease: LeaseID(uuid: try row.uuid(4)), provider: row.text(5) ?? "", created: Instant(milliseconds: 0))
        intent.state = state
        intent.read(try row.document(6))
        return intent
    }

    static func event(_ row: Statement) throws(SQLiteError) -> Event {
        var event = Event(
            time: Instant(milliseconds: row.int(1)), topic: row.text(2) ?? "", subject: row.text(3) ?? "", owner: row.text(4),
            change: try row.document(5))
        event.seq = row.int(0)
        return event
    }

    /// Everything that is not final.
    func snapshot() throws(SQLiteError) -> LedgerSnapshot {
        var snapshot = LedgerSnapshot()
        let live = Connection.words(LeaseState.allCases.filter { !$0.isFinal })
        snapshot.leases = try all("SELECT \(Connection.leaseColumns) FROM leases WHERE state IN (\(live))", Connection.lease)
            .sorted { $0.id < $1.id }
        snapshot.machines = try all(
            """
            SELECT m.key, m.lease, m.state, m.observed, m.provider, m.document
            FROM leases l CROSS JOIN machines m ON m.lease = l.id WHERE l.state IN (\(live))
            """, Connection.machine)
        snapshot.intents = try all("SELECT \(Connection.intentColumns) FROM intents ORDER BY id", Connection.intent)
        snapshot.records = try all("SELECT kind, id, document FROM records") { row throws(SQLiteError) in
            Record(kind: row.text(0) ?? "", id: row.text(1) ?? "", document: try row.document(2))
        }
        snapshot.nextIntent = (snapshot.intents.last?.id ?? 0) + 1
        snapshot.restored = try meta("restored").flatMap { Int64($0) }.map { Instant(milliseconds: $0) }
        return snapshot
    }

    /// All rows of a statement without values.
    func all<Value>(_ sql: String, _ read: (Statement) throws(SQLiteError) -> Value) throws(SQLiteError) -> [Value] {
        let statement = try statement(sql)
        defer { statement.reset() }
        var values: [Value] = []
        while try statement.step() { values.append(try read(statement)) }
        return values
    }

    /// States as a list for `IN`. They are our own words, never anybody's input.
    static func words(_ states: some Sequence<some RawRepresentable<String>>) -> String {
        states.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    }
}
