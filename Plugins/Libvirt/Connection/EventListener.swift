import CLibvirt
import PluginKit

/// What libvirt tells by itself, as a value; on the event loop's thread, which must not be held up.
final class EventListener: Sendable {
    /// What happened to a machine. libvirt's own numbers, so that a newer libvirt's are not lost.
    enum Happening: Sendable {
        /// `virDomainEventType` and its detail.
        case lifecycle(Int32, detail: Int32)
        case rebooted
        /// A disk failed; why, in the hypervisor's words.
        case ioError(String)
        /// Its XML changed without a lifecycle event: metadata, devices.
        case changed
    }

    let machine: @Sendable (MachineID, String, Happening) -> Void
    let connectionClosed: @Sendable (String) -> Void

    init(
        machine: @escaping @Sendable (MachineID, String, Happening) -> Void,
        connectionClosed: @escaping @Sendable (String) -> Void
    ) {
        self.machine = machine
        self.connectionClosed = connectionClosed
    }

    func closed(reason: virConnectCloseReason) {
        let text =
            switch reason {
            case VIR_CONNECT_CLOSE_REASON_ERROR: "the connection broke"
            case VIR_CONNECT_CLOSE_REASON_EOF: "libvirt ended the connection"
            case VIR_CONNECT_CLOSE_REASON_KEEPALIVE: "libvirt does not answer keep-alive messages"
            case VIR_CONNECT_CLOSE_REASON_CLIENT: "the connection was closed here"
            default: "the connection ended"
            }
        connectionClosed(text)
    }

    private func tell(_ domain: virDomainPtr?, _ happening: Happening) {
        guard let domain else { return }
        var bytes: (UInt64, UInt64) = (0, 0)
        let id = withUnsafeMutableBytes(of: &bytes) { buffer -> MachineID? in
            let start = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            guard let start, virDomainGetUUID(domain, start) >= 0 else { return nil }
            return MachineID(bytes: start)
        }
        guard let id else { return }
        machine(id, virDomainGetName(domain).map { String(cString: $0) } ?? "", happening)
    }

    private static func listener(_ opaque: UnsafeMutableRawPointer?) -> EventListener? {
        opaque.map { Unmanaged<EventListener>.fromOpaque($0).takeUnretainedValue() }
    }

    // Each kind of event has its own C type; libvirt takes them all as the generic one (VIR_DOMAIN_EVENT_CALLBACK).

    private static let lifecycle: virConnectDomainEventCallback = { _, domain, event, detail, opaque in
        listener(opaque)?.tell(domain, .lifecycle(event, detail: detail))
        return 0
    }

    private static let reboot: virConnectDomainEventGenericCallback = { _, domain, opaque in
        listener(opaque)?.tell(domain, .rebooted)
    }

    private static let ioError: virConnectDomainEventIOErrorReasonCallback = { _, domain, path, _, _, reason, opaque in
        let disk = path.map { String(cString: $0) } ?? "a disk"
        let reason = reason.map { String(cString: $0) } ?? ""
        listener(opaque)?.tell(domain, .ioError(reason.isEmpty ? "I/O error on \(disk)" : "I/O error on \(disk): \(reason)"))
    }

    private static let metadata: virConnectDomainEventMetadataChangeCallback = { _, domain, _, _, opaque in
        listener(opaque)?.tell(domain, .changed)
    }

    static var callbacks: [(virDomainEventID, virConnectDomainEventGenericCallback)] {
        typealias Generic = virConnectDomainEventGenericCallback
        return [
            (VIR_DOMAIN_EVENT_ID_LIFECYCLE, unsafeBitCast(lifecycle, to: Generic.self)),
            (VIR_DOMAIN_EVENT_ID_REBOOT, reboot),
            (VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, unsafeBitCast(ioError, to: Generic.self)),
            (VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, unsafeBitCast(metadata, to: Generic.self)),
        ]
    }
}
