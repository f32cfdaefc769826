internal import JSON
public import PluginABI

/// What `#berthDriver` expands to. Nothing here is for drivers to call.
public enum DriverExport {
    public typealias Open =
        @convention(c) (
            UnsafePointer<berth_host_t>?, UnsafePointer<berth_call_t>?, UnsafeRawPointer?, Int, UnsafeMutablePointer<OpaquePointer?>?
        ) -> berth_status_t

    /// Builds the descriptor once; it lives as long as the process, as the ABI wants.
    public static func plugin<D: Driver>(
        _ driver: D.Type, id: String, version: String, open: Open
    ) -> UnsafeRawPointer {
        let ops = UnsafeMutablePointer<berth_ops_t>.allocate(capacity: 1)
        ops.initialize(to: Operations.table(open: open))
        let description = driver.description
        let plugin = UnsafeMutablePointer<berth_plugin_t>.allocate(capacity: 1)
        plugin.initialize(
            to: berth_plugin_t(
                size: UInt32(MemoryLayout<berth_plugin_t>.size), abi_major: UInt16(BERTH_ABI_MAJOR), abi_minor: UInt16(BERTH_ABI_MINOR),
                id: text(id), name: text(description.name), version: text(version), vendor: text(description.vendor),
                license: text(description.license), url: text(description.url),
                capabilities: list(description.capabilities.map(\.rawValue)), config_schema: text(description.settings.json.text),
                ops: UnsafePointer(ops)))
        return UnsafeRawPointer(plugin)
    }

    /// Whether a driver of this kit may be loaded by a host of this ABI.
    public static func suits(major: UInt32, minor: UInt32) -> Bool {
        major == BERTH_ABI_MAJOR && minor >= BERTH_ABI_MINOR
    }

    /// Makes the driver's object: the body of `berth_ops_t.open`.
    public static func open<D: Driver>(
        _ driver: D.Type, _ host: UnsafePointer<berth_host_t>?, _ call: UnsafePointer<berth_call_t>?, _ config: UnsafeRawPointer?,
        _ size: Int, _ handle: UnsafeMutablePointer<OpaquePointer?>?
    ) -> berth_status_t {
        guard let host, let call, let handle else { return DriverError.Status.broken.rawValue }
        return Operations.answer(call) { call in
            let settings = try Settings(Operations.object(UnsafeRawBufferPointer(start: config, count: size), "config"))
            let opened = OpenDriver(try D(settings: settings, host: Host(host), call: call))
            handle.pointee = OpaquePointer(Unmanaged.passRetained(opened).toOpaque())
        }
    }

    /// A NUL-terminated copy that is never freed.
    private static func text(_ string: String) -> UnsafePointer<CChar> {
        let bytes = string.utf8CString
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        for (index, byte) in bytes.enumerated() { (copy + index).initialize(to: byte) }
        return UnsafePointer(copy)
    }

    private static func list(_ strings: [String]) -> UnsafePointer<UnsafePointer<CChar>?> {
        let copy = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() { (copy + index).initialize(to: text(string)) }
        (copy + strings.count).initialize(to: nil)
        return UnsafePointer(copy)
    }
}

/// What a handle points to.
final class OpenDriver {
    let driver: any Driver

    init(_ driver: any Driver) {
        self.driver = driver
    }
}
