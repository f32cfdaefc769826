/// How a ledger is kept: the `[ledger]` section of the configuration.
public struct LedgerSettings: Sendable {
    /// The state directory; the ledger is `ledger.db` in it.
    public var directory: String
    /// The version of this program, written into the ledger so that an older one can name it.
    public var program: String
    /// `keep-events`: how many of the last events are kept at least.
    public var keepEvents: Int64 = 1_000_000
    /// `keep-answers`: for how long, in milliseconds, the answer under an idempotency key is kept at least.
    public var keepAnswers: Int64 = 7 * 86_400_000
    /// How often a mark of the steady clock is made durable, in milliseconds.
    public var markEvery: Int64 = 60_000

    public init(directory: String, program: String = "0") {
        self.directory = directory
        self.program = program
    }

    public var path: String { directory + "/ledger.db" }
    var lockPath: String { directory + "/ledger.lock" }
    var backups: String { directory + "/backups" }
}
