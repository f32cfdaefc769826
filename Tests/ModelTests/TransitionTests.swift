import Model
import Testing

@Suite("transitions")
struct TransitionTests {
    /// Tries every pair of states.
    func walk<State: StateWithTransitions>(_ type: State.Type) {
        for from in State.allCases {
            for to in State.allCases {
                var state = from
                if from.successors.contains(to) {
                    #expect(throws: Never.self) { try state.move(to: to) }
                    #expect(state == to)
                } else {
                    #expect {
                        try state.move(to: to)
                    } throws: { error in
                        let error = error as? BerthError
                        return error?.code == .broken && error?.message.contains(from.rawValue) == true
                    }
                    #expect(state == from)
                }
            }
        }
    }

    @Test("every legal transition works and every other one is an error that changes nothing")
    func tables() {
        walk(LeaseState.self)
        walk(MachineState.self)
        walk(IntentState.self)
    }

    @Test("final states are those of the design, and every other state can come to an end")
    func finals() {
        #expect(LeaseState.allCases.filter { $0.isFinal } == [.done, .cancelled, .rejected, .failed])
        #expect(MachineState.allCases.filter { $0.isFinal } == [.deleted, .closed, .failed])
        for state in LeaseState.allCases {
            var seen: Set<LeaseState> = [state]
            var next = [state]
            while let one = next.popLast() {
                for successor in one.successors where seen.insert(successor).inserted { next.append(successor) }
            }
            #expect(seen.contains { $0.isFinal }, "\(state) never ends")
        }
    }

    @Test("a lease ends through ending, as done, cancelled or failed")
    func ending() throws {
        var ids = IdentifierSource(ledger: LedgerID(rawValue: 7))
        let now = Instant(milliseconds: 0)
        let terms = LeaseTerms(kind: .immediate, groups: [Group(name: "a", count: 1, flavor: "small")])
        var lease = Lease(id: ids.lease(at: now), owner: "a", project: "p", terms: terms, created: now)
        try lease.move(to: .preparing)
        #expect(throws: BerthError.self) { try lease.end(as: .active) }
        try lease.end(as: .failed, reason: "no room")
        #expect(lease.state == .ending)
        #expect(lease.outcome == .failed)
        #expect(lease.reason == "no room")
    }
}

@Suite("identifiers")
struct IdentifierTests {
    @Test("ids grow, never meet, and keep their version, also when the clock goes back")
    func grow() {
        var ids = IdentifierSource(ledger: LedgerID(rawValue: 0xDEAD_BEEF))
        var lastLease: LeaseID?
        var lastMachine: MachineID?
        for step in 0..<5000 {
            let now = Instant(milliseconds: 1_795_615_585_000 + Int64(step % 100 == 0 ? -5000 : step))
            let lease = ids.lease(at: now)
            let machine = ids.machine(at: now)
            #expect(lease.uuid.version == 7)
            #expect(machine.key.version == 8)
            #expect(machine.description.hasPrefix("m-deadbeef-"))
            #expect(machine.key.low >> 62 == 2 && lease.uuid.low >> 62 == 2)
            #expect(machine.ledger == ids.ledger && ids.ledger.owns(machine.key))
            if let lastLease, let lastMachine { #expect(lastLease < lease && lastMachine < machine) }
            (lastLease, lastMachine) = (lease, machine)
        }
    }

    @Test(
        "an id reads back from its text, and what is none is refused",
        arguments: ["", "l-", "l-1234", "m-00000000-0000-8000-8000-00000000000g"])
    func text(wrong: String) {
        var ids = IdentifierSource(ledger: LedgerID(rawValue: 1))
        let id = ids.lease(at: Instant(milliseconds: 99))
        #expect(LeaseID(id.description) == id)
        #expect(MachineID(id.description) == nil)
        #expect(LeaseID(wrong) == nil)
        #expect(MachineID(wrong) == nil)
    }
}
