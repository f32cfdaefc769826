import CLibvirt
import Glibc
import PluginKit

/// A machine at libvirt (`virDomainPtr`). Each method is one call.
final class Domain: Sendable {
    nonisolated(unsafe) let raw: virDomainPtr

    init(taking raw: virDomainPtr) {
        self.raw = raw
    }

    deinit {
        virDomainFree(raw)
    }

    /// Known here, no call to the other side (`virDomainGetUUID`).
    var id: MachineID {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { bytes in
            bytes.initialize(repeating: 0)
            guard let start = bytes.baseAddress else { return MachineID(high: 0, low: 0) }
            virDomainGetUUID(raw, start)
            return MachineID(bytes: start)
        }
    }

    var name: String { virDomainGetName(raw).map { String(cString: $0) } ?? "" }

    func xml(_ flags: virDomainXMLFlags = virDomainXMLFlags(0)) throws(LibvirtError) -> XMLText {
        XMLText(taking: try must("read the description of '\(name)'", virDomainGetXMLDesc(raw, flags.rawValue)))
    }

    /// `virDomainGetState`: a `virDomainState` and its reason.
    func state() throws(LibvirtError) -> (state: Int32, reason: Int32) {
        var state: Int32 = 0
        var reason: Int32 = 0
        try must("ask for the state of '\(name)'", virDomainGetState(raw, &state, &reason, 0))
        return (state, reason)
    }

    func isActive() throws(LibvirtError) -> Bool {
        try must("ask whether '\(name)' is active", virDomainIsActive(raw)) == 1
    }

    func info() throws(LibvirtError) -> virDomainInfo {
        var info = virDomainInfo()
        try must("ask for the size of '\(name)'", virDomainGetInfo(raw, &info))
        return info
    }

    /// False as well where the hypervisor has no such thing. Any other failure is one: a suspended machine must not look stopped.
    func hasManagedSave() throws(LibvirtError) -> Bool {
        do throws(LibvirtError) {
            return try must("ask whether '\(name)' is suspended", virDomainHasManagedSaveImage(raw, 0)) == 1
        } catch {
            guard error.status == .unsupported else { throw error }
            return false
        }
    }

    // MARK: Changing what it does

    func start(_ flags: virDomainCreateFlags = VIR_DOMAIN_NONE) throws(LibvirtError) {
        try must("start '\(name)'", virDomainCreateWithFlags(raw, flags.rawValue))
    }

    /// Asks the guest to shut down and returns at once; false where it cannot be asked (`virDomainShutdown`).
    func shutDown() throws(LibvirtError) -> Bool {
        guard virDomainShutdown(raw) < 0 else { return true }
        let error = LibvirtError(doing: "ask '\(name)' to shut down")
        if error.is(VIR_ERR_NO_SUPPORT, VIR_ERR_OPERATION_UNSUPPORTED) { return false }
        // It has just ended by itself.
        if error.is(VIR_ERR_OPERATION_INVALID) { return true }
        throw error
    }

    /// Pulls the plug, after giving the hypervisor's process a moment to write what it holds.
    func powerOff() throws(LibvirtError) {
        guard virDomainDestroyFlags(raw, VIR_DOMAIN_DESTROY_GRACEFUL.rawValue) < 0 else { return }
        guard !LibvirtError(doing: "").is(VIR_ERR_OPERATION_INVALID) else { return }
        try must("power '\(name)' off", virDomainDestroy(raw))
    }

    func reboot() throws(LibvirtError) { try must("reboot '\(name)'", virDomainReboot(raw, 0)) }
    func reset() throws(LibvirtError) { try must("reset '\(name)'", virDomainReset(raw, 0)) }
    func pause() throws(LibvirtError) { try must("pause '\(name)'", virDomainSuspend(raw)) }
    func unpause() throws(LibvirtError) { try must("unpause '\(name)'", virDomainResume(raw)) }

    /// Its memory goes to disk and it ends; the next start goes on from there (`virDomainManagedSave`).
    func managedSave() throws(LibvirtError) { try must("suspend '\(name)' to disk", virDomainManagedSave(raw, 0)) }

    /// Forgets it, with its saved memory, its snapshots' descriptions and its firmware's variables; its disks stay.
    func undefine() throws(LibvirtError) {
        let all: virDomainUndefineFlagsValues.RawValue =
            VIR_DOMAIN_UNDEFINE_MANAGED_SAVE.rawValue | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA.rawValue
            | VIR_DOMAIN_UNDEFINE_NVRAM.rawValue | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA.rawValue
        guard virDomainUndefineFlags(raw, all) < 0 else { return }
        let error = LibvirtError(doing: "undefine '\(name)'")
        // Drivers that know only some of the flags refuse the others.
        guard error.is(VIR_ERR_INVALID_ARG, VIR_ERR_NO_SUPPORT, VIR_ERR_ARGUMENT_UNSUPPORTED) else { throw error }
        let few = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE.rawValue | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA.rawValue
        guard virDomainUndefineFlags(raw, few) < 0 else { return }
        try must("undefine '\(name)'", virDomainUndefine(raw))
    }

    // MARK: Changing what it is

    /// Replaces our element in its metadata, now and in its definition (`virDomainSetMetadata`).
    func setMetadata(_ xml: String, uri: String, isActive: Bool) throws(LibvirtError) {
        let flags = VIR_DOMAIN_AFFECT_CONFIG.rawValue | (isActive ? VIR_DOMAIN_AFFECT_LIVE.rawValue : 0)
        let element = Int32(bitPattern: VIR_DOMAIN_METADATA_ELEMENT.rawValue)
        try must("write the metadata of '\(name)'", virDomainSetMetadata(raw, element, xml, "berth", uri, flags))
    }

    func setCPUs(_ count: Int, _ flags: UInt32) throws(LibvirtError) {
        try must("give '\(name)' \(count) processors", virDomainSetVcpusFlags(raw, UInt32(clamping: count), flags))
    }

    func setMemory(kib: Int, _ flags: UInt32) throws(LibvirtError) {
        try must("give '\(name)' \(kib / 1024) MiB of memory", virDomainSetMemoryFlags(raw, UInt(clamping: kib), flags))
    }

    /// Grows a disk under a running guest (`virDomainBlockResize`).
    func resizeDisk(_ disk: String, bytes: Int) throws(LibvirtError) {
        let flags = VIR_DOMAIN_BLOCK_RESIZE_BYTES.rawValue
        try must("resize disk \(disk) of '\(name)'", virDomainBlockResize(raw, disk, UInt64(clamping: bytes), flags))
    }

    /// The size of a disk as the guest sees it (`virDomainGetBlockInfo`).
    func diskCapacity(_ disk: String) throws(LibvirtError) -> Int {
        var info = virDomainBlockInfo()
        try must("ask for the size of disk \(disk) of '\(name)'", virDomainGetBlockInfo(raw, disk, &info, 0))
        return Int(clamping: info.capacity)
    }

    /// The addresses that `source` knows (`virDomainInterfaceAddresses`); none where it knows nothing.
    func addresses(_ source: virDomainInterfaceAddressesSource) -> [String] {
        var interfaces: UnsafeMutablePointer<virDomainInterfacePtr?>?
        let count = virDomainInterfaceAddresses(raw, &interfaces, source.rawValue, 0)
        guard count > 0, let interfaces else { return [] }
        defer { free(interfaces) }
        var found: [String] = []
        for index in 0..<Int(count) {
            guard let interface = interfaces[index] else { continue }
            for address in 0..<Int(interface.pointee.naddrs) {
                let text = interface.pointee.addrs[address].addr.map { String(cString: $0) } ?? ""
                if isRoutable(text), !found.contains(text) { found.append(text) }
            }
            virDomainInterfaceFree(interface)
        }
        return found
    }
}

/// Loopback and link-local addresses lead nowhere.
func isRoutable(_ address: String) -> Bool {
    !address.isEmpty && !address.hasPrefix("127.") && address != "::1" && !address.hasPrefix("fe80:") && !address.hasPrefix("169.254.")
}

/// XML that libvirt handed over, kept as it came.
final class XMLText {
    let raw: UnsafeMutablePointer<CChar>

    init(taking raw: UnsafeMutablePointer<CChar>) {
        self.raw = raw
    }

    deinit {
        free(raw)
    }

    func parsed() throws(DriverError) -> XMLDocument {
        try XMLDocument(parsing: raw)
    }
}
