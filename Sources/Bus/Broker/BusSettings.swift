public import JSON

/// Where the bus listens and what it says of itself.
public struct BusSettings: Sendable {
    /// The directory of the sockets `bus`, `events` and `backend`; nil: none of them (tests with TCP alone).
    public var runDirectory: String?
    /// Further endpoints, `tcp://ADDRESS:PORT`, each with CURVE.
    public var clients: [String] = []
    public var events: [String] = []
    public var backend: [String] = []
    /// Where `berth keys` keeps keys; nil: there are none, and TCP is refused.
    public var keysDirectory: String?
    /// Fields of `host.info`: `version` and what else the host says of itself.
    public var info: JSON = .object(JSON.Object())
    /// Components that may come over the backend, beside those of this process.
    public var known: [ComponentDescription] = []

    public init(runDirectory: String?) {
        self.runDirectory = runDirectory
    }
}
