import Glibc
public import PluginKit
import Synchronization

/// One hypervisor behind one libvirt URI.
///
/// It holds no truth: what is remembered (`MachineTable`) can be forgotten at any time. Every call into libvirt runs as an
/// errand, so that the host gets its answer by the deadline whatever the hypervisor does.
public final class Hypervisor: Driver, Sendable {
    public static let description = DriverDescription(
        name: "libvirt (QEMU/KVM)", vendor: "Berth", license: "Apache-2.0", url: "https://libvirt.org",
        capabilities: [
            .create, .catalog, .events, .reentrant, .start, .stop, .reboot, .pause, .unpause, .suspend, .resume, .destroy, .resize,
            .snapshot,
            .restore, .console,
        ],
        settings: HypervisorSettings.schema)

    let settings: HypervisorSettings
    let host: Host
    let link: Link
    let errands = Errands()
    let table: MachineTable
    let busy = KeyedLocks()
    let consoles = Consoles()
    private let facts = Mutex<(generation: Int, facts: NodeFacts)?>(nil)
    private let chosenStore = Mutex<(any DiskStore)?>(nil)

    public init(settings: Settings, host: Host, call: Call) throws {
        let settings = try HypervisorSettings(settings)
        completeEnvironment()
        if let root = settings.uri.embeddedRoot { try EmbeddedRoot.prepare(root) }
        if !settings.uri.isSupported { host.warning("\(settings.uri): such URIs are experimental, nothing here is tested with them") }
        try EventLoop.enter()
        self.settings = settings
        self.host = host
        let table = MachineTable()
        self.table = table
        let reporter = Reporter(host: host, table: table, busy: busy)
        link = Link(
            uri: settings.uri, keepAlive: settings.keepAlive, host: host,
            onMachine: { id, name, happening in reporter.machine(id, name, happening) })
        do {
            _ = try errands.run(call, "connect to \(settings.uri)") { [link] errand in
                _ = try link.connection(errand)
            }
        } catch {
            end()
            throw error
        }
    }

    public func close() {
        end()
    }

    private func end() {
        consoles.closeAll()
        link.close()
        // A call that is stuck in libvirt cannot be ended from here; the worker's end takes it along.
        if !errands.close(milliseconds: 3000) { host.warning("\(settings.uri): closed while calls were stuck in libvirt") }
        EventLoop.leave()
    }

    public func health(_ call: Call) throws {
        try errands.run(call, "ask for the health of \(settings.uri)") { [link] errand in
            try link.with(errand) { try $0.ping() }
        }
    }

    // MARK: For every operation

    /// Runs `body` with the connection, as an errand of `call`.
    func ask<Result: Sendable>(
        _ call: Call, _ doing: String, isRepeatable: Bool = true,
        _ body: @escaping @Sendable (Connection, Errand) throws -> Result
    ) throws -> Result {
        try errands.run(call, doing) { [self] errand in
            try link.with(errand, isRepeatable: isRepeatable) { connection in
                table.use(generation: link.generation)
                return try body(connection, errand)
            }
        }
    }

    /// Read once for each connection.
    func nodeFacts(_ connection: Connection) throws -> NodeFacts {
        let generation = link.generation
        if let known = facts.withLock({ $0 }), known.generation == generation { return known.facts }
        let found = try NodeFacts(connection, settings: settings)
        if let reason = found.acceleration?.reason { host.warning("machines on '\(found.name)' are emulated: \(reason)") }
        facts.withLock { $0 = (generation, found) }
        return found
    }

    /// The store that was chosen, unless there is none.
    func chosenStoreIfAny() -> (any DiskStore)? {
        chosenStore.withLock { $0 }
    }

    /// The directory or the pool; a pool that nobody named is `default`, or the only one.
    func store(_ connection: Connection) -> any DiskStore {
        if let store = chosenStore.withLock({ $0 }) { return store }
        let store: any DiskStore
        if let pool = settings.pool {
            store = PoolStore(name: pool)
        } else if let machines = settings.machines {
            store = DirectoryStore(machines: machines, images: settings.images ?? machines)
        } else {
            let names = connection.poolNames()
            guard let name = names.first(where: { $0 == "default" }) ?? (names.count == 1 ? names.first : nil) else { return NoStore() }
            store = PoolStore(name: name)
        }
        chosenStore.withLock { $0 = store }
        return store
    }
}
