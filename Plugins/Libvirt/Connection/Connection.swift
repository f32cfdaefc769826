import CLibvirt
import Glibc
import PluginKit
import Synchronization

/// An open connection (`virConnectPtr`). libvirt lets any thread use it.
final class Connection: Sendable {
    nonisolated(unsafe) let raw: virConnectPtr
    private let callbacks = Mutex<[Int32]>([])
    private let watchesClose = Mutex(false)

    /// `virConnectOpen`. Blocks as long as the transport likes.
    init(uri: String) throws(LibvirtError) {
        raw = try must("connect to \(uri)", virConnectOpen(uri))
    }

    deinit {
        for id in callbacks.withLock({ $0 }) { virConnectDomainEventDeregisterAny(raw, id) }
        if watchesClose.withLock({ $0 }) { virConnectUnregisterCloseCallback(raw, Connection.closed) }
        virConnectClose(raw)
    }

    // MARK: Watching

    /// The provider pings; no answer to `count` pings ends the connection, and every call on it (`virConnectSetKeepAlive`).
    func keepAlive(seconds: Int, count: Int) {
        // Connections without a network in between do not know it, and need it not.
        _ = virConnectSetKeepAlive(raw, Int32(clamping: seconds), UInt32(clamping: count))
    }

    /// `virConnectRegisterCloseCallback` and `virConnectDomainEventRegisterAny`: what happens reaches `listener` on the event
    /// loop's thread. Whether domain events come at all.
    func watch(_ listener: EventListener) -> Bool {
        let free: virFreeCallback = { opaque in
            if let opaque { Unmanaged<EventListener>.fromOpaque(opaque).release() }
        }
        let forClose = Unmanaged.passRetained(listener)
        if virConnectRegisterCloseCallback(raw, Connection.closed, forClose.toOpaque(), free) >= 0 {
            watchesClose.withLock { $0 = true }
        } else {
            forClose.release()
        }
        var hasEvents = false
        for (event, callback) in EventListener.callbacks {
            let forEvent = Unmanaged.passRetained(listener)
            let id = virConnectDomainEventRegisterAny(raw, nil, Int32(bitPattern: event.rawValue), callback, forEvent.toOpaque(), free)
            if id >= 0 {
                callbacks.withLock { $0.append(id) }
                hasEvents = hasEvents || event == VIR_DOMAIN_EVENT_ID_LIFECYCLE
            } else {
                forEvent.release()
            }
        }
        return hasEvents
    }

    private static let closed: virConnectCloseFunc = { _, reason, opaque in
        guard let opaque else { return }
        let reason = virConnectCloseReason(rawValue: UInt32(bitPattern: reason))
        Unmanaged<EventListener>.fromOpaque(opaque).takeUnretainedValue().closed(reason: reason)
    }

    // MARK: Asking

    /// Whether the connection still stands, as far as this side knows (`virConnectIsAlive`: no call to the other side).
    var isAlive: Bool { virConnectIsAlive(raw) == 1 }

    /// The smallest question that the other side has to answer (`virConnectGetLibVersion`).
    func ping() throws(LibvirtError) {
        var version: UInt = 0
        try must("ask libvirt for its version", virConnectGetLibVersion(raw, &version))
    }

    /// The hypervisor's name for itself: `QEMU`, `Test` (`virConnectGetType`).
    var type: String { virConnectGetType(raw).map { String(cString: $0) } ?? "unknown" }

    func hostname() throws(LibvirtError) -> String {
        try mustString("ask for the host's name", virConnectGetHostname(raw))
    }

    func nodeInfo() throws(LibvirtError) -> virNodeInfo {
        var info = virNodeInfo()
        try must("ask for the node's processors and memory", virNodeGetInfo(raw, &info))
        return info
    }

    func capabilities() throws(LibvirtError) -> String {
        try mustString("ask for the node's capabilities", virConnectGetCapabilities(raw))
    }

    // MARK: Machines

    func domain(_ id: MachineID) throws(LibvirtError) -> Domain? {
        guard let domain = virDomainLookupByUUIDString(raw, id.description) else {
            let error = LibvirtError(doing: "look up machine \(id)")
            guard error.is(VIR_ERR_NO_DOMAIN) else { throw error }
            return nil
        }
        return Domain(taking: domain)
    }

    func domain(named name: String) throws(LibvirtError) -> Domain? {
        guard let domain = virDomainLookupByName(raw, name) else {
            let error = LibvirtError(doing: "look up machine '\(name)'")
            guard error.is(VIR_ERR_NO_DOMAIN) else { throw error }
            return nil
        }
        return Domain(taking: domain)
    }

    /// Makes it known, without starting it (`virDomainDefineXML`). The hypervisor refuses a second machine with its UUID or name.
    func define(_ xml: String, _ what: String) throws(LibvirtError) -> Domain {
        Domain(taking: try must("define machine \(what)", virDomainDefineXMLFlags(raw, xml, 0)))
    }

    /// `virConnectListAllDomains`.
    func domains(_ flags: virConnectListAllDomainsFlags...) throws(LibvirtError) -> [Domain] {
        let flags = flags.reduce(0) { $0 | $1.rawValue }
        var list: UnsafeMutablePointer<virDomainPtr?>?
        let count = try must("list machines", virConnectListAllDomains(raw, &list, flags))
        defer { free(list) }
        return (0..<Int(count)).compactMap { index in list?[index].map(Domain.init(taking:)) }
    }
}
