// A process that writes into a ledger until somebody kills it, and says on standard output what was acknowledged: one line for each lease,
// `ID SEQ`, written only after its commit. `full` instead lets the file grow past a limit that stands for a full disk.
import Glibc
import JSON
import Ledger
import Model
import Platform
import Synchronization

func say(_ line: String) {
    var line = line + "\n"
    line.withUTF8 { _ = write(1, $0.baseAddress, $0.count) }
}

func lease(_ ids: inout IdentifierSource, _ now: Instant) throws(BerthError) -> Batch {
    var terms = LeaseTerms(kind: .advance, groups: [Group(name: "main", count: 1, size: Size(milliCPUs: 1000, memoryMiB: 512))])
    terms.start = now + 1000
    terms.duration = 60
    var lease = Lease(id: ids.lease(at: now), owner: "victim", project: "test", terms: terms, created: now)
    try lease.move(to: .scheduled)
    var batch = Batch()
    batch.leases = [lease]
    batch.machines = [
        Machine(
            id: ids.machine(at: now), lease: lease.id, group: "main", ordinal: 0, name: "m", size: Size(milliCPUs: 1000, memoryMiB: 512),
            created: now)
    ]
    batch.events = [
        Event(time: now, topic: "lease.\(lease.id).scheduled", subject: lease.id.description, owner: "victim"),
        Event(time: now, topic: "lease.\(lease.id).seen", subject: lease.id.description, owner: "victim"),
    ]
    return batch
}

/// Submits one batch and waits for its outcome.
func commit(_ ledger: SQLiteLedger, _ batch: Batch) -> Result<Commit, BerthError> {
    let outcome = Handover<Result<Commit, BerthError>>()
    ledger.submit(batch) { outcome.give($0) }
    return outcome.take()
}

/// Limits the size of every file that this process writes (`setrlimit(RLIMIT_FSIZE)`): writes past it fail.
func limit(_ bytes: UInt) {
    var limit = rlimit(rlim_cur: bytes, rlim_max: rlim_t.max)
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
}

/// Writes until refused, says how; then reads; then lifts the limit and waits for promises to be taken again.
func outgrow(_ ledger: SQLiteLedger, lift: () -> Void) throws(BerthError) {
    var ids = IdentifierSource(ledger: ledger.id)
    var refusal: BerthError?
    var first: LeaseID?
    while refusal == nil {
        let batch = try lease(&ids, Instant(milliseconds: Clock.real))
        switch commit(ledger, batch) {
        case .success(let commit):
            first = first ?? batch.leases[0].id
            say("\(batch.leases[0].id) \(commit.events[0].seq)")
        case .failure(let error): refusal = error
        }
    }
    say("refused \(refusal?.code.rawValue ?? "")")
    say("degraded \(ledger.health.reason ?? "no")")
    if let first, try ledger.lease(first) != nil { say("reads") }
    let fact = Handover<Result<Commit, BerthError>>()
    var batch = try lease(&ids, Instant(milliseconds: Clock.real))
    batch.weight = .fact
    ledger.submit(batch) { fact.give($0) }
    lift()
    if case .success(let commit) = fact.take() { say("\(batch.leases[0].id) \(commit.events[0].seq)") }
    while ledger.health != .ready { usleep(10_000) }
    let late = try lease(&ids, Instant(milliseconds: Clock.real))
    if case .success(let commit) = commit(ledger, late) { say("\(late.leases[0].id) \(commit.events[0].seq)") }
    say("recovered")
    ledger.close()
}

let directory = CommandLine.arguments[1]
let mode = CommandLine.arguments.count > 2 ? CommandLine.arguments[2] : "write"
signal(SIGXFSZ, SIG_IGN)
let ledger = try SQLiteLedger.open(LedgerSettings(directory: directory, program: "test"))
switch mode {
case "limit":
    limit(1 << 20)
    try outgrow(ledger) { limit(UInt.max) }
case "full":
    // The directory is a small file system of its own, and `filler` in it makes room when it goes.
    try outgrow(ledger) { remove(directory + "/filler") }
default:
    let writers = (0..<8).compactMap { _ in
        OSThread("writer") {
            var ids = IdentifierSource(ledger: ledger.id)
            while true {
                guard let batch = try? lease(&ids, Instant(milliseconds: Clock.real)), case .success(let commit) = commit(ledger, batch)
                else {
                    return
                }
                say("\(batch.leases[0].id) \(commit.events[0].seq)")
            }
        }
    }
    for writer in writers { writer.join() }
}
