import Model

/// Values to rows.
extension Connection {
    /// Writes a batch; its events get their numbers from `seq` on.
    func write(_ batch: Batch, seq: inout Int64) throws(SQLiteError) -> [Event] {
        for lease in batch.leases { try write(lease) }
        for machine in batch.machines { try write(machine) }
        for intent in batch.intents { try write(intent) }
        for answer in batch.answers { try write(answer) }
        for record in batch.records { try write(record) }
        for record in batch.removedRecords {
            try statement("DELETE FROM records WHERE kind = ?1 AND id = ?2").bind(1, record.kind).bind(2, record.id).run()
        }
        if batch.acceptsRestore { try set("restored", nil) }
        var events = batch.events
        for index in events.indices {
            events[index].seq = seq
            seq += 1
            try write(events[index])
        }
        return events
    }

    private func write(_ lease: Lease) throws(SQLiteError) {
        try statement(
            """
            INSERT INTO leases(id, state, owner, name, document) VALUES(?1, ?2, ?3, ?4, ?5)
            ON CONFLICT(id) DO UPDATE SET state = excluded.state, owner = excluded.owner, name = excluded.name, document = excluded.document
            """
        ).bind(1, lease.id.uuid).bind(2, lease.state.rawValue).bind(3, lease.owner).bind(4, lease.name).bind(5, lease.document).run()
    }

    private func write(_ machine: Machine) throws(SQLiteError) {
        try statement(
            """
            INSERT INTO machines(key, lease, state, observed, provider, document) VALUES(?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT(key) DO UPDATE SET state = excluded.state, observed = excluded.observed, provider = excluded.provider,
                document = excluded.document
            """
        ).bind(1, machine.id.key).bind(2, machine.lease.uuid).bind(3, machine.state.rawValue).bind(4, machine.observed.rawValue)
            .bind(5, machine.provider).bind(6, machine.document).run()
    }

    private func write(_ intent: Intent) throws(SQLiteError) {
        guard intent.state != .closed else {
            return try statement("DELETE FROM intents WHERE id = ?1").bind(1, intent.id).run()
        }
        try statement(
            "INSERT OR REPLACE INTO intents(id, verb, state, machine, lease, provider, document) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        )
        .bind(1, intent.id).bind(2, intent.verb.description).bind(3, intent.state.rawValue).bind(4, intent.machine.key)
        .bind(5, intent.lease.uuid).bind(6, intent.provider).bind(7, intent.document).run()
    }

    private func write(_ answer: AnsweredRequest) throws(SQLiteError) {
        try statement("INSERT OR REPLACE INTO answers(account, key, verb, hash, time, answer) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(1, answer.account).bind(2, answer.key).bind(3, answer.verb).bind(4, Int64(bitPattern: answer.bodyHash))
            .bind(5, answer.time.milliseconds).bind(6, answer.answer).run()
    }

    private func write(_ record: Record) throws(SQLiteError) {
        try statement("INSERT OR REPLACE INTO records(kind, id, document) VALUES(?1, ?2, ?3)")
            .bind(1, record.kind).bind(2, record.id).bind(3, record.document).run()
    }

    private func write(_ event: Event) throws(SQLiteError) {
        try statement("INSERT INTO events(seq, time, topic, subject, owner, change) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(1, event.seq).bind(2, event.time.milliseconds).bind(3, event.topic).bind(4, event.subject).bind(5, event.owner)
            .bind(6, event.change).run()
    }

    func write(_ mark: SteadyClock.Mark) throws(SQLiteError) {
        try set("mark", "\(mark.steady) \(mark.boot) \(mark.real) \(mark.bootID)")
    }

    /// The last mark of the steady clock.
    func mark() throws(SQLiteError) -> SteadyClock.Mark? {
        guard let words = try meta("mark")?.split(separator: " ", omittingEmptySubsequences: false), words.count == 4,
            let steady = Int64(words[0]), let boot = Int64(words[1]), let real = Int64(words[2])
        else { return nil }
        return SteadyClock.Mark(steady: steady, boot: boot, bootID: String(words[3]), real: real)
    }
}
