public import JSON

/// A driver: what makes machines at one kind of provider.
///
/// One object is one provider put to use. The host makes it with `init`, calls it on threads of its own - one call at a
/// time unless the driver lists ``Capability/reentrant`` - and ends it with ``close()``. Whatever is thrown reaches the
/// host as a status: a ``DriverError`` as it says, anything else as `BERTH_BROKEN`.
///
///     import PluginKit
///
///     #berthDriver(Shelf.self, id: "shelf", version: "1.0")
///
///     final class Shelf: Driver {
///         static let description = DriverDescription(name: "Machines on a shelf", capabilities: [.create, .destroy])
///         init(settings: Settings, host: Host, call: Call) throws { … }
///         …
///     }
public protocol Driver: AnyObject {
    /// Who made it, what it can do and which settings it takes.
    static var description: DriverDescription { get }

    /// Connects to the provider. Behind it: `berth_ops_t.open`. What it throws needs no ``close()``.
    init(settings: Settings, host: Host, call: Call) throws

    /// Releases what the driver holds; no event and no log line after it returns. Behind it: `berth_ops_t.close`.
    func close()

    /// Returns if the provider answers and lets us in. Behind it: `berth_ops_t.health`.
    func health(_ call: Call) throws

    /// The nodes: what they have and what is used. Behind it: `berth_ops_t.capacity`.
    func capacity(_ call: Call) throws -> Capacity

    /// Every machine at the provider, ours or not. Behind it: `berth_ops_t.list`.
    func list(_ call: Call, into machines: inout MachineWriter) throws

    /// One machine; ``DriverError/notFound(_:native:)`` if it is not there. Behind it: `berth_ops_t.inspect`.
    func inspect(_ id: String, _ call: Call) throws -> Machine

    /// Makes a machine, or answers the one that `key` already made, also after a crash in between: the key is stored with
    /// the machine at the provider. `invalid`, `unsupported`, `conflict`, `denied` and `exhausted` promise that nothing
    /// exists or will appear under the key. Behind it: `berth_ops_t.create`.
    func create(_ spec: Spec, key: String, _ call: Call) throws -> Machine

    /// Images, networks and sizes, for drivers that list ``Capability/catalog``. Behind it: `berth_ops_t.catalog`.
    func catalog(_ call: Call) throws -> Catalog

    /// Does `verb` to a machine; the id `""` is the provider itself. Behind it: `berth_ops_t.action`.
    func action(_ verb: Verb, on id: String, arguments: JSON, _ call: Call) throws -> ActionResult
}

extension Driver {
    public func close() {}

    public func catalog(_ call: Call) throws -> Catalog {
        throw DriverError.unsupported("this driver has no catalog")
    }

    public func action(_ verb: Verb, on id: String, arguments: JSON, _ call: Call) throws -> ActionResult {
        throw DriverError.unsupported("this driver cannot \(verb)")
    }
}

/// What an action answers.
public enum ActionResult: Sendable {
    /// Nothing but that it is done.
    case done
    /// The machine as it is now.
    case machine(Machine)
    /// What the verb defines: the address of a console, the id of a snapshot.
    case document(JSON)
}
